//! Arithmetic, one implementation for each device: what a SAM step does with parameter-sized vectors, and what
//! layers do with images and features, behind [`Layers`].
//!
//! | | |
//! |---|---|
//! | `vectors` | the algebra of parameter-sized vectors: norms, dot products, linear combinations |
//! | `layers` | [`Layers`]: the operations that [`nn`](crate::nn) is made of; checks for whatever implements it |
//! | `cpu` | both on host memory: own kernels, on several threads |
//! | `cuda` | both on an NVIDIA GPU (feature `cuda`) |
//! | `generator` | the generator of a device, taken out and put back |
//! | `rewind` | the generators that a step may draw from, back at an earlier moment |
//! | `rng_state` | [`RngState`]: a generator in a form for files |
//! | `lane` | batches on their way to a device |
//! | `transfer` | rows of tensors cut and joined where they are |
//! | `overwrite` | new values for a tensor, whichever way it lies in memory |
//! | `memory` | [`keep_freed_memory`] |

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod generator;
mod lane;
mod layers;
mod memory;
mod overwrite;
mod rewind;
mod rng_state;
mod transfer;
pub(crate) mod vectors;

pub(crate) use cpu::{copied, in_memory, lies_otherwise};
pub(crate) use generator::generator_id;
pub(crate) use lane::{Lane, Sent};
pub use layers::{
    Affine, Channels, Image, LayerTape, Layers, Moments, Normalized, Pool, Rows, Tail, Window,
};
pub use memory::keep_freed_memory;
pub(crate) use overwrite::overwrite;
pub(crate) use rewind::{Moment, Source, note_source};
pub use rng_state::{RngState, rng_state, set_rng_state};
pub(crate) use transfer::{joined, mean, split};
pub(crate) use vectors::{Buffer, address};
pub use vectors::{DualNorm, Norm, NormError};
