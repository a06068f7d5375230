//! A convolution and the batch normalization that follows, together.
//!
//! | | |
//! |---|---|
//! | `cpu` | the moments are taken while the convolution is at hand, and what can be computed where it is read is not written |
//! | `cuda`, `conv_batch_norm.cu` | one product for all images; what lies between the two is no tensor |
//! | `tests` | several layers at once are the same |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use std::slice;

use dfdx::{
    shapes::{Dtype, HasShape},
    tensor::{HasErr, Storage, WithEmptyTape},
};

use super::{
    Advanced, Affine, Factors, Image, LayerTape, Normalized, Running, Tail, TryAddScaled,
    TryBatchNorm, TryConv2D, TrySubsample, Window,
};

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
    /// The running statistics before this batch.
    pub running: &'a Running<E, D>,
}

/// A residual block: `max(0, layers(x) + skip(x))`, with ReLU between the layers (He et al. 2015, fig. 2).
#[derive(Clone, Debug)]
pub struct ResidualBlock<'a, E: Dtype, D: Storage<E>> {
    /// One or more.
    pub layers: Vec<ConvNorm<'a, E, D>>,
    /// What stands beside them.
    pub skip: Skip,
}

/// A way around the layers of a residual block that has nothing to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The input itself.
    Identity,
    /// [`try_subsample`](TrySubsample::try_subsample), to the channels of the layers' output.
    Subsample {
        /// Every so many pixels of every so many rows.
        stride: usize,
        /// Channels of zeros before those that are kept.
        before: usize,
    },
}

/// A convolution without groups.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a, E: Dtype, D: Storage<E>> {
    /// (out channels, in channels, kernel height, kernel width).
    pub weight: &'a Image<E, D>,
    /// What slides over the images.
    pub window: Window,
}

impl<E: Dtype, D: TryConv2D<E>> Convolution<'_, E, D> {
    fn of<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_conv2d(x, self.weight, self.window, 1)
    }
}

/// A residual block that normalizes before it convolves: `second(relu(first(relu(norm(x))))) + beside`, where `first` is a
/// convolution with a normalization behind it (He et al. [2016](https://arxiv.org/abs/1603.05027), fig. 1b).
#[derive(Clone, Copy, Debug)]
pub struct PreactivationBlock<'a, E: Dtype, D: Storage<E>> {
    /// What the normalization of the input learns.
    pub affine: &'a Affine<E, D>,
    /// Its running statistics before this batch.
    pub running: &'a Running<E, D>,
    /// The first convolution, and the second normalization.
    pub first: ConvNorm<'a, E, D>,
    /// The second convolution.
    pub second: Convolution<'a, E, D>,
    /// What makes the summand beside them, of the normalized input; without it, that is the input as it is.
    pub shortcut: Option<Convolution<'a, E, D>>,
}

/// A normalized tensor, and the running statistics after the batch, layer by layer; or the device's error.
pub type AdvancedAll<X, E, D> = Result<(X, Vec<Running<E, D>>), <D as HasErr>::Err>;

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

    /// Several of these, one after the other, with ReLU between them; `tail` follows the last one. A device may do it in
    /// fewer passes over memory. There is at least one layer.
    fn try_conv2d_batch_norms<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        layers: &[ConvNorm<'_, E, Self>],
        tail: Tail<Image<E, Self, T>>,
    ) -> AdvancedAll<Image<E, Self, T>, E, Self> {
        one_after_the_other(x, layers, tail)
    }

    /// Several residual blocks, one after the other; the statistics of all their layers. A device may do it in fewer passes
    /// over memory. There is at least one block.
    fn try_residual_blocks<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        blocks: &[ResidualBlock<'_, E, Self>],
    ) -> AdvancedAll<Image<E, Self, T>, E, Self>
    where
        Self: TrySubsample<E>,
    {
        block_by_block(x, blocks)
    }

    /// Several residual blocks that normalize first, one after the other; the statistics of all their normalizations, two for each
    /// block. A device may do it in fewer passes over memory, and keep less of it. There is at least one block.
    fn try_preactivation_blocks<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        blocks: &[PreactivationBlock<'_, E, Self>],
    ) -> AdvancedAll<Image<E, Self, T>, E, Self>
    where
        Self: TryAddScaled<E>,
    {
        preactivation_by_block(x, blocks)
    }
}

/// [`try_preactivation_blocks`](TryConv2DBatchNorm::try_preactivation_blocks), block by block.
fn preactivation_by_block<
    E: Dtype,
    D: TryConv2DBatchNorm<E> + TryAddScaled<E>,
    T: LayerTape<E, D>,
>(
    mut x: Image<E, D, T>,
    blocks: &[PreactivationBlock<'_, E, D>],
) -> AdvancedAll<Image<E, D, T>, E, D> {
    let ones = Factors::ones(x.device(), x.shape().0)?;
    let mut all = Vec::new();
    for block in blocks {
        let beside = x.with_empty_tape();
        let (normalized, after) =
            D::try_batch_norm_running(x, block.affine, Tail::RELU, block.running)?;
        all.push(after);
        let beside = match &block.shortcut {
            None => beside,
            Some(shortcut) => shortcut.of(normalized.with_empty_tape())?,
        };
        let first = slice::from_ref(&block.first);
        let (y, after) = one_after_the_other(normalized, first, Tail::RELU)?;
        all.extend(after);
        x = D::try_add_scaled(beside, block.second.of(y)?, &ones)?;
    }
    Ok((x, all))
}

/// [`try_residual_blocks`](TryConv2DBatchNorm::try_residual_blocks), block by block.
fn block_by_block<E: Dtype, D: TryConv2DBatchNorm<E> + TrySubsample<E>, T: LayerTape<E, D>>(
    mut x: Image<E, D, T>,
    blocks: &[ResidualBlock<'_, E, D>],
) -> AdvancedAll<Image<E, D, T>, E, D> {
    let mut all = Vec::new();
    for ResidualBlock { layers, skip } in blocks {
        let beside = x.with_empty_tape();
        let beside = match *skip {
            Skip::Identity => beside,
            Skip::Subsample { stride, before } => {
                let last = layers.last().expect("a block has a layer");
                D::try_subsample(beside, stride, last.weight.shape().0, before)?
            }
        };
        let tail = Tail {
            residual: Some(beside),
            relu: true,
        };
        let (y, running) = D::try_conv2d_batch_norms(x, layers, tail)?;
        all.extend(running);
        x = y;
    }
    Ok((x, all))
}

/// [`try_conv2d_batch_norms`](TryConv2DBatchNorm::try_conv2d_batch_norms), layer by layer.
fn one_after_the_other<E: Dtype, D: TryConv2DBatchNorm<E>, T: LayerTape<E, D>>(
    mut x: Image<E, D, T>,
    layers: &[ConvNorm<'_, E, D>],
    tail: Tail<Image<E, D, T>>,
) -> AdvancedAll<Image<E, D, T>, E, D> {
    let (last, before) = layers.split_last().expect("there is at least one layer");
    let mut running = Vec::new();
    let mut run = |x, layer: &ConvNorm<'_, E, D>, tail| {
        let ConvNorm {
            weight,
            window,
            groups,
            affine,
            running: before,
        } = *layer;
        let (y, after) =
            D::try_conv2d_batch_norm_running(x, weight, window, groups, affine, tail, before)?;
        running.push(after);
        Ok(y)
    };
    for layer in before {
        x = run(x, layer, Tail::RELU)?;
    }
    let y = run(x, last, tail)?;
    Ok((y, running))
}
