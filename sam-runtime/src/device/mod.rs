//! Arithmetic, for each device: what a SAM step does with parameter-sized vectors, and what layers do with images
//! and features, behind [`Layers`].
//!
//! An operation of layers is a folder: its contract, which is a trait, in `mod.rs`; the CPU's way; the GPU's (feature
//! `cuda`), with its kernels; and checks that both pass, for all types of elements.
//!
//! | | |
//! |---|---|
//! | `vectors` | the algebra of parameter-sized vectors: norms, dot products, linear combinations |
//! | `conv`, `batch_norm`, `conv_batch_norm`, `bias`, `pool`, `subsample`, `add_scaled`, `linear`, `cross_entropy` | the operations that [`nn`](crate::nn) is made of |
//! | `layers` | [`Layers`], all of them together; what they share |
//! | `cpu`, `cuda` | what they share on host memory, and on an NVIDIA GPU |
//! | `nccl` | GPUs that speak to each other (feature `nccl`) |
//! | `rewind` | the generators that a step may draw from, back at an earlier moment |
//! | `rng_state` | [`RngState`]: a generator in a form for files |
//! | `upload` | batches on their way to a device |
//! | `transfer` | rows of tensors cut and joined where they are |
//! | `memory` | [`keep_freed_memory`] |

mod add_scaled;
mod batch_norm;
mod bias;
mod conv;
mod conv_batch_norm;
mod cpu;
mod cross_entropy;
#[cfg(feature = "cuda")]
mod cuda;
mod layers;
mod linear;
mod memory;
#[cfg(feature = "nccl")]
pub(crate) mod nccl;
mod pool;
mod rewind;
mod rng_state;
mod subsample;
mod transfer;
mod upload;
pub(crate) mod vectors;

pub use add_scaled::{Factors, TryAddScaled};
pub use batch_norm::{Advanced, Affine, Moments, Normalized, Running, Tail, TryBatchNorm};
pub use bias::TryBias;
pub use conv::TryConv2D;
#[doc(hidden)]
pub use conv::cpu::{Way, Ways, with_ways};
pub use conv_batch_norm::{
    AdvancedAll, ConvNorm, Convolution, PreactivationBlock, ResidualBlock, Skip, TryConv2DBatchNorm,
};
pub(crate) use cpu::{by_planes, each_part, vectorized};
pub use cross_entropy::TryCrossEntropy;
#[cfg(feature = "cuda")]
pub use cuda::{allow_tf32, enable_cudnn, is_cudnn_enabled, is_tf32_allowed};
pub(crate) use layers::misfit;
pub use layers::{Channels, Image, LayerTape, Layers, Rows, Window};
pub use linear::TryLinear;
pub use memory::keep_freed_memory;
pub use pool::{Pool, TryPool2D};
pub(crate) use rewind::{Moment, Source, note_source};
pub use rng_state::{RngState, rng_state, set_rng_state};
pub use subsample::TrySubsample;
pub(crate) use transfer::{joined, mean, split};
pub(crate) use upload::{Sent, Upload};
pub use vectors::{DualNorm, Norm, NormError};
