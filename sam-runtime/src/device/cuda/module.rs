//! Kernels by name: PTX, loaded when one of its kernels is first used.

use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaFunction, LaunchConfig};
use dfdx::{dtypes::Dtype, tensor::CudaError};

#[cfg(feature = "cudnn")]
pub(in crate::device) use cudarc::cudnn::CudnnDataType as Known;

/// What other libraries must know of elements: nothing.
#[cfg(not(feature = "cudnn"))]
pub(in crate::device) trait Known {}

#[cfg(not(feature = "cudnn"))]
impl<E> Known for E {}

/// The elements that the kernels are compiled for.
pub(in crate::device) trait Element:
    Dtype + cudarc::driver::DeviceRepr + Known
{
    /// Where a module has its PTX for these elements.
    const MODULE: usize;
    /// Whether the sum of the squares of any such numbers is a number of type `f64`, and none is lost.
    const SQUARES_FIT: bool;
}

impl Element for f32 {
    const MODULE: usize = 0;
    const SQUARES_FIT: bool = true;
}

impl Element for f64 {
    const MODULE: usize = 1;
    const SQUARES_FIT: bool = false;
}

/// One file of kernels: for each type of elements a name, and the PTX.
pub(in crate::device) struct Module {
    pub(in crate::device) compiled: [(&'static str, &'static str); 2],
    pub(in crate::device) kernels: &'static [&'static str],
}

/// A kernel, which the module has for each type of elements.
pub(in crate::device) struct Kernel {
    pub(in crate::device) module: &'static Module,
    pub(in crate::device) name: &'static str,
}

/// The kernels of a `.cu` file of this name below `src/device`, each by its name there:
/// `kernels! { "pool": POOL = "sam_pool", POOL_BACK = "sam_pool_back" }`.
///
/// `build.rs` compiles the file once for each type of elements, which it finds as `T`.
macro_rules! kernels {
    ($file:literal: $($kernel:ident = $name:literal),* $(,)?) => {
        static MODULE: $crate::device::cuda::module::Module = $crate::device::cuda::module::Module {
            compiled: $crate::device::cuda::module::kernels!(compiled $file "f32" "f64"),
            kernels: &[$($name),*],
        };
        $(
            pub(in crate::device) static $kernel: $crate::device::cuda::module::Kernel =
                $crate::device::cuda::module::Kernel { module: &MODULE, name: $name };
        )*
    };
    (compiled $file:literal $($element:literal)*) => {
        [$((
            concat!($file, "_", $element),
            include_str!(concat!(env!("OUT_DIR"), "/", $file, "_", $element, ".ptx")),
        )),*]
    };
}
pub(in crate::device) use kernels;

impl Kernel {
    /// The kernel for elements of type `E`.
    pub(in crate::device) fn of<E: Element>(
        &self,
        device: &Arc<CudaDevice>,
    ) -> Result<CudaFunction, CudaError> {
        let (module, ptx) = self.module.compiled[E::MODULE];
        if let Some(function) = device.get_func(module, self.name) {
            return Ok(function);
        }
        device.load_ptx(ptx.into(), module, self.module.kernels)?;
        Ok(device
            .get_func(module, self.name)
            .expect("a module holds the kernels that it lists"))
    }
}

/// Queues a kernel for elements of a type, with these parameters, on a [`Gpu`](super::gpu::Gpu).
macro_rules! launch {
    ($gpu:expr, $kernel:expr, $E:ty, $config:expr, $parameters:expr) => {{
        let function = $kernel.of::<$E>(&$gpu.driver)?;
        // SAFETY: the parameters are those of the kernel in its `.cu` file, in number and type. Their addresses
        // are those of tensors and gradients that live here, of the sizes that were checked; what is freed
        // later is freed on the same stream.
        unsafe { cudarc::driver::LaunchAsync::launch(function, $config, $parameters) }
            .map_err(dfdx::tensor::CudaError::from)
    }};
}
pub(in crate::device) use launch;

/// Threads of a block, in all kernels: `THREADS` in `kernels.cuh`.
pub(in crate::device) const THREADS: u32 = 256;

/// A launch of so many blocks of [`THREADS`].
pub(in crate::device) fn blocks(x: u32, y: u32) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (x, y, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: 0,
    }
}
