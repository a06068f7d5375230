//! A convolution and the batch normalization that follows, together.
//!
//! | | |
//! |---|---|
//! | `cpu` | the moments are taken while the convolution is at hand, and what can be computed where it is read is not written |
//! | `cuda` | one after the other |
//! | `tests` | several layers at once are the same |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::shapes::Dtype;

use dfdx::tensor::{HasErr, Storage};

use super::{Affine, Image, LayerTape, Moments, Normalized, Tail, TryBatchNorm, TryConv2D, Window};

/// A convolution, and the normalization of what it gives.
#[derive(Clone, Copy, Debug)]
pub struct ConvNorm<'a, E: Dtype, D: Storage<E>> {
    /// The convolution's weight: (out channels, in channels of a group, kernel height, kernel width).
    pub weight: &'a Image<E, D>,
    /// What slides over the images.
    pub window: Window,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// What the normalization learns.
    pub affine: &'a Affine<E, D>,
}

/// A normalized tensor, and what was normalized by on the way, layer by layer; or the device's error.
pub type NormalizedAll<X, E, D> = Result<(X, Vec<Moments<E, D>>), <D as HasErr>::Err>;

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

    /// Several of these, one after the other, with ReLU between them; `tail` follows the last one. A device may do it in
    /// fewer passes over memory. There is at least one layer.
    fn try_conv2d_batch_norms<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        layers: &[ConvNorm<'_, E, Self>],
        tail: Tail<Image<E, Self, T>>,
    ) -> NormalizedAll<Image<E, Self, T>, E, Self> {
        one_after_the_other(x, layers, tail)
    }
}

/// [`try_conv2d_batch_norms`](TryConv2DBatchNorm::try_conv2d_batch_norms), layer by layer.
fn one_after_the_other<E: Dtype, D: TryConv2DBatchNorm<E>, T: LayerTape<E, D>>(
    mut x: Image<E, D, T>,
    layers: &[ConvNorm<'_, E, D>],
    tail: Tail<Image<E, D, T>>,
) -> NormalizedAll<Image<E, D, T>, E, D> {
    let (last, before) = layers.split_last().expect("there is at least one layer");
    let mut moments = Vec::new();
    let mut run = |x, layer: &ConvNorm<'_, E, D>, tail| {
        let ConvNorm {
            weight,
            window,
            groups,
            affine,
        } = *layer;
        let (y, batch) = D::try_conv2d_batch_norm(x, weight, window, groups, affine, tail)?;
        moments.push(batch);
        Ok(y)
    };
    for layer in before {
        x = run(x, layer, Tail::RELU)?;
    }
    let y = run(x, last, tail)?;
    Ok((y, moments))
}
