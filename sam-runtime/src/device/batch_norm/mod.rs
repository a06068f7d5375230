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

use super::{Channels, LayerTape, layers::misfit};

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

/// Statistics that run along with the batches.
#[derive(Clone, Debug)]
pub struct Running<E: Dtype, D: Storage<E>> {
    /// The running mean.
    pub mean: Channels<E, D>,
    /// The running variance, which is divided by one less than the count.
    pub variance: Channels<E, D>,
    /// The weight of a batch in them.
    pub momentum: f64,
}

impl<E: Dtype, D: Device<E>> Running<E, D> {
    /// The weight that they keep, and those of a batch's mean and variance, of so many numbers.
    pub(super) fn weights(&self, count: usize) -> (f64, [f64; 2]) {
        let n = count as f64;
        let unbiased = if count > 1 { n / (n - 1.0) } else { 1.0 };
        let take = self.momentum;
        (1.0 - take, [take, take * unbiased])
    }

    /// What they are after a batch.
    pub(super) fn after(&self, batch: &Moments<E, D>) -> Result<Self, D::Err> {
        // An empty batch has no statistics.
        if batch.count == 0 {
            return Err(misfit(self.mean.device()));
        }
        let (keep, [take_mean, take_variance]) = self.weights(batch.count);
        let mut after = self.clone();
        after.mean.try_axpy(keep, &batch.mean, take_mean)?;
        (after.variance).try_axpy(keep, &batch.variance, take_variance)?;
        Ok(after)
    }
}

/// What [`Running`] goes with: a normalized tensor, and the statistics after its batch; or the device's error.
pub type Advanced<X, E, D> = Result<(X, Running<E, D>), <D as HasErr>::Err>;

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

    /// [`try_batch_norm`](Self::try_batch_norm), and the running statistics after this batch in the place of its
    /// moments; a device may compute them along the way.
    fn try_batch_norm_running<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
        before: &Running<E, Self>,
    ) -> Advanced<Tensor<S, E, Self, T>, E, Self> {
        let (y, batch) = Self::try_batch_norm(x, affine, tail)?;
        Ok((y, before.after(&batch)?))
    }

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
