//! The residual block of two convolutions, and a stage of them.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::shortcut::{Identity, Shortcut};
use crate::{
    device::{Image, LayerTape, Layers, ResidualBlock, Running, Skip, Tail},
    nn::{
        self,
        conv2d_batch_norm::{Parts, train_chain},
        init,
        modules::Conv2DBatchNorm,
    },
};

/// Convolution, normalization, ReLU, convolution, normalization, plus what the shortcut `C` gives, ReLU
/// (He et al. 2015, fig. 2). The first convolution has stride `S`.
#[derive(Clone, Debug)]
pub struct Block<const IN: usize, const OUT: usize, const S: usize, C, E: Dtype, D: Storage<E>> {
    /// The first convolution.
    pub first: Conv2DBatchNorm<nn::Conv2DBatchNorm<IN, OUT, 3, S, 1>, E, D>,
    /// The second.
    pub second: Conv2DBatchNorm<nn::Conv2DBatchNorm<OUT, OUT, 3, 1, 1>, E, D>,
    /// What stands beside them.
    pub shortcut: C,
}

impl<const IN: usize, const OUT: usize, const S: usize, C, E, D> TensorCollection<E, D>
    for Block<IN, OUT, S, C, E, D>
where
    C: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Block<IN, OUT, S, C::To<E2, D2>, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::tensor(
                "conv1.weight",
                |s| &s.first.conv.weight,
                |s| &mut s.first.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, OUT * 9)),
            ),
            Self::module("bn1", |s| &s.first.norm, |s| &mut s.first.norm),
            Self::tensor(
                "conv2.weight",
                |s| &s.second.conv.weight,
                |s| &mut s.second.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, OUT * 9)),
            ),
            Self::module("bn2", |s| &s.second.norm, |s| &mut s.second.norm),
            Self::module("downsample", |s| &s.shortcut, |s| &mut s.shortcut),
        );
        visitor.visit_fields(fields, |(conv1, bn1, conv2, bn2, shortcut)| Block {
            first: (conv1, bn1).into(),
            second: (conv2, bn2).into(),
            shortcut,
        })
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, C, E, D> Block<IN, OUT, S, C, E, D>
where
    C: Shortcut<E, D>,
    E: Dtype,
    D: Layers<E>,
{
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut.try_train(x.with_empty_tape())?;
        if self.is_frozen() {
            let x = self.first.train(x, Tail::RELU)?;
            return self.second.train(x, after(beside));
        }
        let (y, running) = train_chain(x, self.parts()?, after(beside))?;
        self.advance(running)?;
        Ok(y)
    }

    fn is_frozen(&self) -> bool {
        self.first.norm.is_frozen() || self.second.norm.is_frozen()
    }

    fn parts(&self) -> Result<[Parts<E, D>; 2], D::Err> {
        Ok([self.first.parts()?, self.second.parts()?])
    }

    fn advance(&mut self, [first, second]: [Running<E, D>; 2]) -> Result<(), D::Err> {
        self.first.norm.advance(first)?;
        self.second.norm.advance(second)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let beside = self.shortcut.try_evaluate(x.with_empty_tape())?;
        let x = self.first.evaluate(x, Tail::RELU)?;
        self.second.evaluate(x, after(beside))
    }
}

/// ReLU of the sum with the shortcut.
pub(super) fn after<X>(beside: X) -> Tail<X> {
    Tail {
        residual: Some(beside),
        relu: true,
    }
}

/// A block with stride `S` and shortcut `C`, then `REST` blocks that change neither size nor channels.
#[derive(Clone, Debug)]
pub struct Stage<
    const IN: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    C,
    E: Dtype,
    D: Storage<E>,
> {
    /// The first block.
    pub first: Block<IN, OUT, S, C, E, D>,
    /// The others.
    pub rest: Vec<Block<OUT, OUT, 1, Identity, E, D>>,
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, C, E, D>
    TensorCollection<E, D> for Stage<IN, OUT, S, REST, C, E, D>
where
    C: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Stage<IN, OUT, S, REST, C::To<E2, D2>, E2, D2>;

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
            |(first, rest)| Stage { first, rest },
        )
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, C, E, D>
    Stage<IN, OUT, S, REST, C, E, D>
where
    C: Shortcut<E, D>,
    E: Dtype,
    D: Layers<E>,
{
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let skip = self.first.shortcut.skip();
        if self.first.is_frozen() || self.rest.iter().any(Block::is_frozen) {
            let x = self.first.train(x)?;
            return self.rest.iter_mut().try_fold(x, |x, block| block.train(x));
        }
        // All blocks at once; but not one whose shortcut learns.
        let mut blocks = Vec::new();
        let mut x = x;
        match skip {
            Some(skip) => blocks.push((self.first.parts()?, skip)),
            None => x = self.first.train(x)?,
        }
        for block in &self.rest {
            blocks.push((block.parts()?, Skip::Identity));
        }
        if blocks.is_empty() {
            return Ok(x);
        }
        let blocks: Vec<_> = blocks
            .iter()
            .map(|(parts, skip)| ResidualBlock {
                layers: parts.iter().map(Parts::layer).collect(),
                skip: *skip,
            })
            .collect();
        let (y, running) = D::try_residual_blocks(x, &blocks)?;
        let mut running = running.into_iter();
        let mut next = || [(); 2].map(|()| running.next().expect("statistics of each layer"));
        if skip.is_some() {
            self.first.advance(next())?;
        }
        for block in &mut self.rest {
            block.advance(next())?;
        }
        Ok(y)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let x = self.first.evaluate(x)?;
        self.rest.iter().try_fold(x, |x, block| block.evaluate(x))
    }
}
