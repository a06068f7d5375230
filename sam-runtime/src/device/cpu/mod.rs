//! Kernels on host memory.

mod conv;
mod simd;
mod step;
mod view;

pub(super) use step::CpuKernels;
