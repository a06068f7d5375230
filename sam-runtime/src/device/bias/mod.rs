//! A bias for each channel.
//!
//! | | |
//! |---|---|
//! | `cpu`, `cuda` | a normalization by nothing, with the kernels of `batch_norm` |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{Channels, LayerTape};

/// A bias for each channel. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryBias<E: Dtype>: Device<E> {
    /// Adds a number to each channel; then ReLU, if `relu`.
    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, Self::Err>;
}
