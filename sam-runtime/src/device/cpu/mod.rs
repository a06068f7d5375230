//! Kernels on host memory.
//!
//! | file | what |
//! |---|---|
//! | `conv`, `norm`, `pool`, `linear`, `subsample` | what layers compute, on slices: forwards and backwards |
//! | `layers` | these, wired to dfdx's tape |
//! | `simd`, `buffer`, `view` | vectors of the processor; memory to write into; the memory of a tensor |
//!
//! `unsafe` is only in files that say so at their top, each block with its reason.

mod buffer;
mod conv;
mod layers;
mod linear;
mod norm;
mod pool;
mod simd;
mod subsample;
mod view;

pub(super) use simd::vectorized;
pub(crate) use view::{copied, in_memory, lies_otherwise};
