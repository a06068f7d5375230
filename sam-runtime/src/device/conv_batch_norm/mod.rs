//! A convolution and the batch normalization that follows, together.
//!
//! | | |
//! |---|---|
//! | `cpu` | the moments are taken while the convolution is at hand, and its gradient is never written |
//! | `cuda`, `conv_batch_norm.cu` | one product for all images; what lies between the two is no tensor |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::shapes::Dtype;

use super::{
    Advanced, Affine, Image, LayerTape, Normalized, Running, Tail, TryBatchNorm, TryConv2D, Window,
};

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

    /// [`try_conv2d`](TryConv2D::try_conv2d), then
    /// [`try_batch_norm_running`](TryBatchNorm::try_batch_norm_running).
    fn try_conv2d_batch_norm_running<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
        before: &Running<E, Self>,
    ) -> Advanced<Image<E, Self, T>, E, Self> {
        let (y, batch) = Self::try_conv2d_batch_norm(x, weight, window, groups, affine, tail)?;
        Ok((y, before.after(&batch)?))
    }
}
