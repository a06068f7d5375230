//! NVIDIA GPUs.
//!
//! | file | what |
//! |---|---|
//! | `*.cu`, `kernels.cuh` | the kernels' sources, compiled to PTX when the crate is built (`build.rs`) |
//! | `module` | kernels by name |
//! | `memory`, `gpu` | where the memory of a tensor is, and on which card |
//! | `layers` | the layers' operations |
//! | `lane` | what goes to the card while it computes |
//! | `transfer` | copies within the card |
#![allow(unsafe_code)]

pub(super) mod gpu;
mod lane;
mod layers;
pub(super) mod memory;
pub(super) mod module;
mod transfer;

pub(super) use lane::{Lane, Sent};
pub(super) use memory::address;
pub(super) use transfer::{joined, mean, split};
