//! NVIDIA GPUs.
//!
//! | file | what |
//! |---|---|
//! | `kernels/*.cu` | the kernels' sources, compiled to PTX when the crate is built (`build.rs`) |
//! | `module` | kernels by name |
//! | `memory`, `gpu` | where the memory of a tensor is, and on which card |
//! | `spans`, `numbers` | what goes into a launch: stretches of memory, and numbers that stay on the device |
//! | `step` | norms and perturbations of gradients |
//! | `layers` | the layers' operations |
//! | `lane` | what goes to the card while it computes |
//! | `transfer` | copies within the card |
#![allow(unsafe_code)]

mod gpu;
mod lane;
mod layers;
mod memory;
mod module;
mod numbers;
mod spans;
mod step;
mod transfer;

pub(super) use lane::{Lane, Sent};
pub(super) use memory::address;
pub(super) use step::CudaKernels;
pub(super) use transfer::{joined, mean, split};
