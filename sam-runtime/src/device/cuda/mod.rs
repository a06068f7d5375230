//! What the operations on NVIDIA GPUs share.
//!
//! | file | what |
//! |---|---|
//! | `kernels.cuh`, `layers.cuh`, `norm.cuh`, `window.cuh`, `windows.cuh` | what the kernels share; `build.rs` compiles each `.cu` below `device` |
//! | `module`, `launch` | kernels by name, and the shapes of their launches |
//! | `gpu` | the card of a device |
//! | `tf32`, `enable_cudnn` | [`allow_tf32`], [`enable_cudnn`](enable_cudnn()) |
//! | `arguments`, `window` | whether sizes fit together, and tensors and windows as the kernels take them |
//! | `product` | products of matrices |
//! | `tests` | large operations, and those of the host |
//! | `upload` | what goes to the card while it computes |
//! | `transfer` | copies within the card |
#![allow(unsafe_code)]

pub(super) mod arguments;
pub(super) mod enable_cudnn;
pub(super) mod gpu;
pub(super) mod launch;
pub(super) mod module;
pub(super) mod product;
#[cfg(all(test, not(feature = "ci-check")))]
mod tests;
pub(super) mod tf32;
mod transfer;
mod upload;
pub(super) mod window;

pub use enable_cudnn::{enable_cudnn, is_cudnn_enabled};
pub use tf32::{allow_tf32, is_tf32_allowed};
pub(super) use transfer::{joined, mean, split};
pub(super) use upload::{Sent, Upload};
