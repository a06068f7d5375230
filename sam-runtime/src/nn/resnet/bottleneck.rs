//! The residual block of three convolutions, and a stage of them.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    block::after,
    shortcut::{Identity, Projection, Shortcut},
};
use crate::{
    device::{Image, LayerTape, Layers, Tail},
    nn::{self, conv2d_batch_norm::train_chain, init, modules::Conv2DBatchNorm},
};

/// Convolutions of 1 x 1 to `MID` channels, of 3 x 3, and of 1 x 1 to `OUT` channels, each normalized, with ReLU
/// between them, plus what the shortcut `C` gives, ReLU (He et al. 2015, fig. 5). The convolution of 3 x 3 has
/// stride `S`: torchvision's version 1.5. In the paper the first one has it.
#[derive(Clone, Debug)]
pub struct Bottleneck<
    const IN: usize,
    const MID: usize,
    const OUT: usize,
    const S: usize,
    C,
    E: Dtype,
    D: Storage<E>,
> {
    /// The first convolution, to fewer channels.
    pub first: Conv2DBatchNorm<nn::Conv2DBatchNorm<IN, MID, 1>, E, D>,
    /// The second, of 3 x 3.
    pub second: Conv2DBatchNorm<nn::Conv2DBatchNorm<MID, MID, 3, S, 1>, E, D>,
    /// The third, to all channels.
    pub third: Conv2DBatchNorm<nn::Conv2DBatchNorm<MID, OUT, 1>, E, D>,
    /// What stands beside them.
    pub shortcut: C,
}

impl<const IN: usize, const MID: usize, const OUT: usize, const S: usize, C, E, D>
    TensorCollection<E, D> for Bottleneck<IN, MID, OUT, S, C, E, D>
where
    C: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Bottleneck<IN, MID, OUT, S, C::To<E2, D2>, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let first = (
            Self::tensor(
                "conv1.weight",
                |s| &s.first.conv.weight,
                |s| &mut s.first.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, MID)),
            ),
            Self::module("bn1", |s| &s.first.norm, |s| &mut s.first.norm),
        );
        let second = (
            Self::tensor(
                "conv2.weight",
                |s| &s.second.conv.weight,
                |s| &mut s.second.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, MID * 9)),
            ),
            Self::module("bn2", |s| &s.second.norm, |s| &mut s.second.norm),
        );
        let third = (
            Self::tensor(
                "conv3.weight",
                |s| &s.third.conv.weight,
                |s| &mut s.third.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, OUT)),
            ),
            Self::module("bn3", |s| &s.third.norm, |s| &mut s.third.norm),
        );
        let shortcut = Self::module("downsample", |s| &s.shortcut, |s| &mut s.shortcut);
        visitor.visit_fields(
            (first, second, third, shortcut),
            |(first, second, third, shortcut)| Bottleneck {
                first: first.into(),
                second: second.into(),
                third: third.into(),
                shortcut,
            },
        )
    }
}

impl<const IN: usize, const MID: usize, const OUT: usize, const S: usize, C, E, D>
    Bottleneck<IN, MID, OUT, S, C, E, D>
where
    C: Shortcut<E, D>,
    E: Dtype,
    D: Layers<E>,
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut.try_train(x.with_empty_tape())?;
        let norms = [&self.first.norm, &self.second.norm];
        if norms.iter().any(|norm| norm.is_frozen()) || self.third.norm.is_frozen() {
            let x = self.first.train(x, Tail::RELU)?;
            let x = self.second.train(x, Tail::RELU)?;
            return self.third.train(x, after(beside));
        }
        let layers = [
            self.first.parts()?,
            self.second.parts()?,
            self.third.parts()?,
        ];
        let (y, [first, second, third]) = train_chain(x, layers, after(beside))?;
        self.first.norm.advance(first)?;
        self.second.norm.advance(second)?;
        self.third.norm.advance(third)?;
        Ok(y)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut.try_evaluate(x.with_empty_tape())?;
        let x = self.first.evaluate(x, Tail::RELU)?;
        let x = self.second.evaluate(x, Tail::RELU)?;
        self.third.evaluate(x, after(beside))
    }
}

/// A block with stride `S` and a projection, then `REST` blocks that change neither size nor channels.
#[derive(Clone, Debug)]
pub struct BottleneckStage<
    const IN: usize,
    const MID: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// The first block.
    pub first: Bottleneck<IN, MID, OUT, S, Projection<IN, OUT, S, E, D>, E, D>,
    /// The others.
    pub rest: Vec<Bottleneck<OUT, MID, OUT, 1, Identity, E, D>>,
}

impl<
    const IN: usize,
    const MID: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    E: Dtype,
    D: Device<E>,
> TensorCollection<E, D> for BottleneckStage<IN, MID, OUT, S, REST, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = BottleneckStage<IN, MID, OUT, S, REST, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let names: Vec<String> = (1..=REST).map(|i| i.to_string()).collect();
        let rest = names
            .iter()
            .enumerate()
            .map(|(i, name)| Self::module(name, move |s| &s.rest[i], move |s| &mut s.rest[i]));
        visitor.visit_fields(
            (
                Self::module("0", |s| &s.first, |s| &mut s.first),
                rest.collect::<Vec<_>>(),
            ),
            |(first, rest)| BottleneckStage { first, rest },
        )
    }
}

impl<
    const IN: usize,
    const MID: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    E: Dtype,
    D: Layers<E>,
> BottleneckStage<IN, MID, OUT, S, REST, E, D>
{
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let x = self.first.train(x)?;
        self.rest.iter_mut().try_fold(x, |x, block| block.train(x))
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let x = self.first.evaluate(x)?;
        self.rest.iter().try_fold(x, |x, block| block.evaluate(x))
    }
}
