//! Kernels on host memory.

mod buffer;
mod conv;
mod layers;
mod linear;
mod norm;
mod pool;
mod simd;
mod step;
mod subsample;
mod view;

pub(super) use step::CpuKernels;
pub(crate) use step::displaced;
pub(crate) use view::copied;
