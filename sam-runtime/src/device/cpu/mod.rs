//! Kernels on host memory.

mod layers;
mod step;

pub(super) use step::CpuKernels;
