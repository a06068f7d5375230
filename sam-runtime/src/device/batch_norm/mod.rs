//! Batch normalization, by the moments of the batch or by given ones.
//!
//! | | |
//! |---|---|
//! | `cpu` | in as few passes over memory as the moments allow |
//! | `cuda`, `batch_norm.cu` | the same on a GPU |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
pub(super) mod checks;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{HasErr, Storage, Tensor},
};

use super::{Channels, LayerTape};

/// What batch normalization learns, and the number that keeps its division safe.
#[derive(Clone, Debug)]
pub struct Affine<E: Dtype, D: Storage<E>> {
    /// PyTorch's `weight`: the factor of each channel.
    pub scale: Channels<E, D>,
    /// The summand of each channel.
    pub bias: Channels<E, D>,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

/// What a batch was normalized by, channel by channel; without a tape.
#[derive(Clone, Debug)]
pub struct Moments<E: Dtype, D: Storage<E>> {
    /// The mean over the batch and all positions.
    pub mean: Channels<E, D>,
    /// The variance around it, divided by [`count`](Self::count).
    pub variance: Channels<E, D>,
    /// How many numbers of a channel there were: batch times positions.
    pub count: usize,
}

/// A normalized tensor, and what it was normalized by; or the device's error.
pub type Normalized<X, E, D> = Result<(X, Moments<E, D>), <D as HasErr>::Err>;

/// What follows a normalization, computed with it: `max(0, x + residual)`, each part if it is there.
#[derive(Clone, Debug)]
pub struct Tail<X> {
    /// Added to the normalized value; of the same shape.
    pub residual: Option<X>,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl<X> Tail<X> {
    /// Nothing follows.
    pub const NONE: Self = Self {
        residual: None,
        relu: false,
    };
    /// ReLU follows.
    pub const RELU: Self = Self {
        residual: None,
        relu: true,
    };
}

/// Batch normalization. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryBatchNorm<E: Dtype>: Device<E> {
    /// Normalizes each channel by the batch's own mean and variance (Ioffe & Szegedy 2015, algorithm 1),
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, and then does what `tail` says.
    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Normalized<Tensor<S, E, Self, T>, E, Self>;

    /// Normalizes each channel by given moments, of which the gradient takes no notice: batch
    /// normalization as it is when nothing is trained.
    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, Self::Err>;
}
