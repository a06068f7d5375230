//! NVIDIA GPUs.
//!
//! | file | what |
//! |---|---|
//! | `kernels/*.cu` | the kernels' sources, compiled to PTX when the crate is built (`build.rs`) |
//! | `module` | kernels by name |
//! | `memory` | where the memory of a tensor is |
//! | `spans`, `numbers` | what goes into a launch: stretches of memory, and numbers that stay on the device |
//! | `step` | norms and perturbations of gradients |
//! | `layers` | the layers' operations |
#![allow(unsafe_code)]

mod layers;
mod memory;
mod module;
mod numbers;
mod spans;
mod step;

pub(super) use memory::address;
pub(super) use step::CudaKernels;
