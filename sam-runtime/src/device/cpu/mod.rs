//! Kernels on host memory.

mod step;

pub(super) use step::CpuKernels;
