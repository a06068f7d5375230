//! Kernels on host memory.

mod buffer;
mod conv;
mod layers;
mod linear;
mod norm;
mod pool;
mod simd;
mod step;
mod view;

pub(super) use step::CpuKernels;
