//! On host memory: the moments are taken while the convolution is at hand; its gradient is computed where it is needed, and
//! never written; and between two convolutions, what normalization and ReLU make of the first one's result is computed
//! where the second one reads it, and never written either.
//!
//! | file | what |
//! |---|---|
//! | `convolved` | a convolution, and the gradient of its input |
//! | `link` | a convolution with its normalization, and the way back through several |
//! | `chain` | several as one operation, with what follows them |
//! | `residual` | residual blocks as one operation |
//! | `preactivation` | residual blocks that normalize first, as one operation |

mod chain;
mod convolved;
mod link;
mod preactivation;
mod residual;

use std::iter;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    AdvancedAll, ConvNorm, PreactivationBlock, ResidualBlock, Skip, TryConv2DBatchNorm,
    block_by_block, one_after_the_other, preactivation_by_block,
};
use crate::device::{
    Affine, Image, LayerTape, Normalized, Running, Tail, TryAddScaled, Window,
    batch_norm::{Moments, cpu::BatchNormKernels},
    conv::cpu::{ConvKernels, ConvolutionBack},
    cpu::{once::compiled_once, order::BLOCK, simd::Real},
    subsample::cpu::SubsampleKernels,
};
use chain::{Chain, chain};
use link::Layer;
use preactivation::preactivation;
use residual::{Blocks, residual};

compiled_once! {
    /// Chains and residual blocks, and their ways back.
    trait ChainKernels: ConvKernels + BatchNormKernels + SubsampleKernels {
        fn chain(
            first: ConvolutionBack<Self>,
            layers: &[Layer<'_, Self>],
            tail: Tail<Image<Self, Cpu>>,
        ) -> Result<chain::Computed<Self>, CpuError> = Chain::new;
        fn chain_back(
            chain: &Chain<Self>,
            d_y: &[Self],
            gradients: &mut Gradients<Self, Cpu>,
        ) -> Result<(), CpuError> = Chain::back;
        fn residual(
            x: Image<Self, Cpu>,
            input: bool,
            blocks: &[(Vec<Layer<'_, Self>>, Skip)],
        ) -> Result<residual::Computed<Self>, CpuError> = Blocks::new;
        fn residual_back(
            blocks: &Blocks<Self>,
            gradients: &mut Gradients<Self, Cpu>,
        ) -> Result<(), CpuError> = Blocks::back;
        fn preactivation(
            x: Image<Self, Cpu>,
            input: bool,
            blocks: &[preactivation::Parts<'_, Self>],
        ) -> Result<preactivation::Computed<Self>, CpuError> = preactivation::Blocks::new;
        fn preactivation_back(
            blocks: preactivation::Blocks<Self>,
            d_y: &[Self],
            gradients: &mut Gradients<Self, Cpu>,
        ) -> Result<(), CpuError> = preactivation::Blocks::back;
    }
}

impl<E: ChainKernels> TryConv2DBatchNorm<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        let layer = Layer {
            weight: weight.clone(),
            window,
            groups,
            affine,
        };
        let (y, mut moments) = chain(x, vec![layer], tail)?;
        Ok((y, moments.remove(0)))
    }

    fn try_conv2d_batch_norms<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        layers: &[ConvNorm<'_, E, Self>],
        tail: Tail<Image<E, Self, T>>,
    ) -> AdvancedAll<Image<E, Self, T>, E, Self> {
        if !layers.iter().all(gives_pixels) {
            return one_after_the_other(x, layers, tail);
        }
        let chained = layers.iter().map(Layer::of).collect();
        let (y, moments) = chain(x, chained, tail)?;
        Ok((y, advanced(running(layers), &moments)?))
    }

    fn try_residual_blocks<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        blocks: &[ResidualBlock<'_, E, Self>],
    ) -> AdvancedAll<Image<E, Self, T>, E, Self> {
        let layers = || blocks.iter().flat_map(|block| &block.layers);
        if !(layers().all(gives_pixels) && x.shape().1.is_multiple_of(BLOCK)) {
            return block_by_block(x, blocks);
        }
        let (y, moments) = residual(x, blocks)?;
        Ok((y, advanced(running(layers()), &moments)?))
    }

    fn try_preactivation_blocks<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        blocks: &[PreactivationBlock<'_, E, Self>],
    ) -> AdvancedAll<Image<E, Self, T>, E, Self>
    where
        Self: TryAddScaled<E>,
    {
        let is_whole = |block: &PreactivationBlock<'_, E, Self>| {
            let mut others = iter::once(&block.second).chain(&block.shortcut);
            gives_pixels(&block.first) && others.all(|other| are_whole_blocks(other.weight))
        };
        if !(blocks.iter().all(is_whole) && x.shape().1.is_multiple_of(BLOCK)) {
            return preactivation_by_block(x, blocks);
        }
        let (y, moments) = preactivation(x, blocks)?;
        let running = blocks
            .iter()
            .flat_map(|block| [block.running, block.first.running]);
        Ok((y, advanced(running, &moments)?))
    }
}

/// Whether a layer's result lies by pixels, as it must between two layers.
fn gives_pixels<E: Real>(layer: &ConvNorm<'_, E, Cpu>) -> bool {
    layer.groups == 1 && are_whole_blocks(layer.weight)
}

/// Whether a convolution without groups gives whole blocks of channels.
fn are_whole_blocks<E: Real>(weight: &Image<E, Cpu>) -> bool {
    weight.shape().0.is_multiple_of(BLOCK)
}

fn running<'a, E: Real>(
    layers: impl IntoIterator<Item = &'a ConvNorm<'a, E, Cpu>>,
) -> impl Iterator<Item = &'a Running<E, Cpu>> {
    layers.into_iter().map(|layer| layer.running)
}

/// The running statistics after the batch.
fn advanced<'a, E: Real>(
    running: impl Iterator<Item = &'a Running<E, Cpu>>,
    moments: &[Moments<E, Cpu>],
) -> Result<Vec<Running<E, Cpu>>, CpuError>
where
    Cpu: Device<E>,
{
    running
        .zip(moments)
        .map(|(running, moments)| running.after(moments))
        .collect()
}
