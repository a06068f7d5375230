//! The block of a PyramidNet.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::widths::BlockSizes;
use crate::{
    device::{Factors, Image, LayerTape, Layers, Pool, Tail, Window},
    nn::{
        applied,
        computed::{At, ConvNorm, Norm, Visited, at, visit_conv_norm, visit_norm, window},
    },
};

/// Normalization, and two or three convolutions, each normalized, with ReLU between them but not at the ends (Han et
/// al. 2017, fig. 6 d), times ShakeDrop's factor; beside it the input, pooled where the side is halved, with channels
/// of zeros after its own.
#[derive(Clone, Debug)]
pub struct PyramidBlock<E: Dtype, D: Storage<E>> {
    /// The normalization of the input.
    pub norm: Norm<E, D>,
    /// The convolutions.
    pub convs: Vec<ConvNorm<E, D>>,
    /// What sizes they have.
    pub sizes: BlockSizes,
}

/// Two by two.
const HALVES: Window = Window {
    size: 2,
    stride: 2,
    padding: 0,
    dilation: 1,
};

impl<E: Dtype, D: Device<E>> PyramidBlock<E, D> {
    /// Visits a block of a network, whose name is `name`.
    pub(super) fn visit<M, V>(
        visitor: &mut V,
        name: &str,
        sizes: BlockSizes,
        at: At<'_, M, Self>,
    ) -> Visited<PyramidBlock<V::E2, V::D2>, V::Err>
    where
        M: TensorCollection<E, D>,
        V: ModuleVisitor<M, E, D>,
    {
        let norm = visit_norm(visitor, &format!("{name}.bn1"), sizes.input, at!(at, norm))?;
        let mut convs = Some(Vec::new());
        for (i, [out, input, side, _]) in sizes.convolutions().into_iter().enumerate() {
            let (conv, norm) = (
                format!("{name}.conv{}", i + 1),
                format!("{name}.bn{}", i + 2),
            );
            let shape = [out, input, side];
            let layer = visit_conv_norm(visitor, [&conv, &norm], shape, at!(at, convs[i]))?;
            convs = convs.zip(layer).map(|(mut convs, layer)| {
                convs.push(layer);
                convs
            });
        }
        Ok(norm
            .zip(convs)
            .map(|(norm, convs)| PyramidBlock { norm, convs, sizes }))
    }
}

impl<E: Dtype, D: Layers<E>> PyramidBlock<E, D> {
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
        factors: &Factors<E, D>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut(x.with_empty_tape())?;
        let mut x = self.norm.train(x, Tail::NONE)?;
        let layers = self.sizes.convolutions();
        for (i, (conv, [_, _, side, stride])) in self.convs.iter_mut().zip(&layers).enumerate() {
            x = conv.train(x, window(*side, *stride), after(i, layers.len()))?;
        }
        D::try_add_scaled(beside, x, factors)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        factors: &Factors<E, D>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut(x.with_empty_tape())?;
        let mut x = self.norm.evaluate(x, Tail::NONE)?;
        let layers = self.sizes.convolutions();
        for (i, (conv, [_, _, side, stride])) in self.convs.iter().zip(&layers).enumerate() {
            x = conv.evaluate(x, window(*side, *stride), after(i, layers.len()))?;
        }
        let y = D::try_add_scaled(beside, x, factors)?;
        applied::without_tensors("ShakeDrop", &y);
        Ok(y)
    }

    fn shortcut<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let x = match self.sizes.stride {
            1 => x,
            _ => applied::pool2d(x, Pool::Avg, HALVES)?,
        };
        match self.sizes.output() {
            channels if channels == x.shape().1 => Ok(x),
            channels => D::try_subsample(x, 1, channels, 0),
        }
    }
}

/// ReLU behind all layers but the last.
fn after<X>(layer: usize, layers: usize) -> Tail<X> {
    if layer + 1 < layers {
        Tail::RELU
    } else {
        Tail::NONE
    }
}
