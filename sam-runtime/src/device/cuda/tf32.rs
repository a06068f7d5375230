//! Whether products of `f32` may be made in TF32.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cudarc::cublas::{
    CudaBlas,
    result::CublasError,
    sys::{cublasMath_t, cublasSetMathMode},
};

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// Lets the layers here multiply `f32` matrices in TF32 from now on, on all NVIDIA GPUs, or no longer; not allowed at
/// first.
///
/// TF32 keeps `f32`'s range and 10 of the 23 bits behind the point, for what is multiplied; sums are made in `f32`.
/// Tensor cores of compute capability 8.0 and above multiply it several times as fast; older cards go on in `f32`.
/// Convolutions and linear layers of [`nn`](crate::nn) are such products, forward and backward. Norms, perturbations
/// and all else of a step stay as they are, and so do dfdx's own layers and `f64`.
///
/// PyTorch's counterparts are `torch.backends.cuda.matmul.allow_tf32`, which is off at first too, and
/// `torch.backends.cudnn.allow_tf32` for convolutions, which is on.
///
/// ```
/// use sam_runtime::device;
///
/// device::allow_tf32(true);
/// assert!(device::is_tf32_allowed());
/// # device::allow_tf32(false);
/// ```
pub fn allow_tf32(allowed: bool) {
    ALLOWED.store(allowed, Relaxed);
}

/// Whether products may be made in TF32: see [`allow_tf32`].
pub fn is_tf32_allowed() -> bool {
    ALLOWED.load(Relaxed)
}

/// Tells cuBLAS.
pub(super) fn set_math(blas: &CudaBlas, tf32: bool) -> Result<(), CublasError> {
    let mode = match tf32 {
        true => cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH,
        false => cublasMath_t::CUBLAS_DEFAULT_MATH,
    };
    // SAFETY: the handle is valid as long as `blas` lives.
    unsafe { cublasSetMathMode(*blas.handle(), mode) }.result()
}

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests {
    use cudarc::cublas::sys::cublasGetMathMode;
    use dfdx::prelude::*;

    use super::*;
    use crate::device::{TryLinear, cuda::gpu::Gpu};

    /// A product of matrices, and the mode that cuBLAS is in after it.
    fn product(dev: &Cuda, numbers: &[f32], n: usize) -> (Vec<f32>, cublasMath_t) {
        let x = dev.tensor_from_vec(numbers.to_vec(), (n, n));
        let y = Cuda::try_linear(x.clone(), &x, None, false);
        let y = y.map_err(|e| e.to_string()).unwrap().as_vec();
        let mut mode = cublasMath_t::CUBLAS_PEDANTIC_MATH;
        let gpu = Gpu::of(dev).unwrap();
        // SAFETY: the handle is valid, and there is room for a mode.
        let status = unsafe { cublasGetMathMode(*gpu.blas().unwrap().handle(), &mut mode) };
        status.result().unwrap();
        (y, mode)
    }

    #[test]
    fn products_are_in_f32_until_tf32_is_allowed_and_again_when_it_is_no_more() {
        const N: usize = 64;
        let dev = Cuda::default();
        // More bits than TF32 has.
        let numbers: Vec<f32> = (0..N * N)
            .map(|i| (i * 7919 % 2003) as f32 / 2003.0 + 0.5)
            .collect();
        let exact: Vec<f64> = (0..N * N)
            .map(|at| {
                let row = |row: usize| numbers[row * N..][..N].iter().map(|&v| f64::from(v));
                row(at / N).zip(row(at % N)).map(|(a, b)| a * b).sum()
            })
            .collect();
        let worst = |found: &[f32]| {
            let off = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() / b;
            found.iter().zip(&exact).map(off).fold(0.0, f64::max)
        };
        for (allowed, mode, bound) in [
            (false, cublasMath_t::CUBLAS_DEFAULT_MATH, 1e-6),
            (true, cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH, 1e-3),
            (false, cublasMath_t::CUBLAS_DEFAULT_MATH, 1e-6),
        ] {
            allow_tf32(allowed);
            let (found, found_mode) = product(&dev, &numbers, N);
            assert_eq!(found_mode, mode);
            assert!(worst(&found) <= bound, "{allowed}: {}", worst(&found));
        }
    }
}
