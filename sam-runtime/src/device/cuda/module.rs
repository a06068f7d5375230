//! Kernels by name: PTX, loaded when one of its kernels is first used.

use std::sync::Arc;

use dfdx::{dtypes::Dtype, tensor::CudaError};

use cudarc::driver::{CudaDevice, CudaFunction, LaunchConfig};

/// The elements that the kernels are compiled for.
pub(in crate::device) trait Element: Dtype + cudarc::driver::DeviceRepr {
    /// This type's name of a kernel.
    fn name(kernel: &Kernel) -> &'static str;
    /// Whether the sum of the squares of any such numbers is a number of type `f64`, and none is lost.
    const SQUARES_FIT: bool;
}

impl Element for f32 {
    fn name(kernel: &Kernel) -> &'static str {
        kernel.names[0]
    }
    const SQUARES_FIT: bool = true;
}

impl Element for f64 {
    fn name(kernel: &Kernel) -> &'static str {
        kernel.names[1]
    }
    const SQUARES_FIT: bool = false;
}

/// The PTX of one file of kernels.
pub(in crate::device) struct Module {
    pub(in crate::device) name: &'static str,
    pub(in crate::device) ptx: &'static str,
    pub(in crate::device) kernels: &'static [&'static Kernel],
}

/// A kernel; for `f32` and for `f64`, which may be one.
pub(in crate::device) struct Kernel {
    pub(in crate::device) names: [&'static str; 2],
}

/// The kernel with this name, which ends with the name of the element where it depends on it.
macro_rules! kernel {
    ($name:literal) => {
        $crate::device::cuda::module::Kernel {
            names: [concat!($name, "_f32"), concat!($name, "_f64")],
        }
    };
    ($name:literal for any) => {
        $crate::device::cuda::module::Kernel {
            names: [$name, $name],
        }
    };
}
pub(in crate::device) use kernel;

impl Module {
    /// The kernel, for elements of type `E`.
    pub(in crate::device) fn function<E: Element>(
        &self,
        device: &Arc<CudaDevice>,
        kernel: &Kernel,
    ) -> Result<CudaFunction, CudaError> {
        let name = E::name(kernel);
        if let Some(function) = device.get_func(self.name, name) {
            return Ok(function);
        }
        let mut names: Vec<&'static str> = self.kernels.iter().flat_map(|k| k.names).collect();
        names.dedup();
        device.load_ptx(self.ptx.into(), self.name, &names)?;
        Ok(device
            .get_func(self.name, name)
            .expect("a module holds the kernels that it lists"))
    }
}

/// Threads of a block, in all kernels: `THREADS` in their sources.
pub(in crate::device) const THREADS: u32 = 256;

/// A launch of so many blocks of [`THREADS`].
pub(in crate::device) fn blocks(x: u32, y: u32) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (x, y, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: 0,
    }
}
