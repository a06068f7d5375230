//! A convolution and the batch normalization that follows, together.
//!
//! | | |
//! |---|---|
//! | `cpu` | the moments are taken while the convolution is at hand, and its gradient is never written |
//! | `cuda` | one after the other |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::shapes::Dtype;

use super::{Affine, Image, LayerTape, Normalized, Tail, TryBatchNorm, TryConv2D, Window};

/// Convolution and batch normalization. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryConv2DBatchNorm<E: Dtype>: TryConv2D<E> + TryBatchNorm<E> {
    /// [`try_conv2d`](TryConv2D::try_conv2d), then [`try_batch_norm`](TryBatchNorm::try_batch_norm); a device may
    /// do the two in fewer passes over memory.
    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        let x = Self::try_conv2d(x, weight, window, groups)?;
        Self::try_batch_norm(x, affine, tail)
    }
}
