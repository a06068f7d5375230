//! The block that normalizes before it convolves, and a stage of them.

use dfdx::{nn::tensor_collection::*, prelude::*};

use crate::{
    device::{
        Affine, Convolution, Factors, Image, LayerTape, Layers, PreactivationBlock, Running, Tail,
        Window,
    },
    nn::{
        self, applied, cast::cast, computed::window, conv2d_batch_norm, init, modules,
        modules::Identity,
    },
};

/// Normalization, ReLU, convolution with stride `S`, and the same again without the stride, beside
/// a shortcut: where channels change, a convolution of 1 x 1 of what was normalized.
#[derive(Clone, Debug)]
pub struct WideBlock<const IN: usize, const OUT: usize, const S: usize, C, E: Dtype, D: Storage<E>>
{
    /// The first normalization.
    pub norm: modules::BatchNorm2D<Const<IN>, E, D>,
    /// The first convolution, and the second normalization.
    pub first: modules::Conv2DBatchNorm<nn::Conv2DBatchNorm<IN, OUT, 3, S, 1>, E, D>,
    /// The second convolution: (`OUT`, `OUT`, 3, 3).
    pub second: Tensor<Rank4<OUT, OUT, 3, 3>, E, D>,
    /// Nothing, or the kernel of the shortcut, (`OUT`, `IN`, 1, 1).
    pub shortcut: C,
}

/// A block with stride `S` that changes the channels, then `REST` blocks that change nothing.
#[derive(Clone, Debug)]
pub struct WideStage<
    const IN: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// The first block.
    #[allow(clippy::type_complexity)]
    pub first: WideBlock<IN, OUT, S, Kernel<IN, OUT, E, D>, E, D>,
    /// The others.
    pub rest: Vec<WideBlock<OUT, OUT, 1, Identity, E, D>>,
}

/// A kernel of 1 x 1.
#[derive(Clone, Debug)]
pub struct Kernel<const IN: usize, const OUT: usize, E: Dtype, D: Storage<E>> {
    /// (`OUT`, `IN`, 1, 1).
    pub weight: Tensor<Rank4<OUT, IN, 1, 1>, E, D>,
}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Kernel<IN, OUT, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Kernel<IN, OUT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let weight = Self::tensor(
            "weight",
            |s| &s.weight,
            |s| &mut s.weight,
            TensorOptions::reset_with(|t| init::he(t, OUT)),
        );
        visitor.visit_fields(weight, |weight| Kernel { weight })
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, C, E, D> TensorCollection<E, D>
    for WideBlock<IN, OUT, S, C, E, D>
where
    C: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = WideBlock<IN, OUT, S, C::To<E2, D2>, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::module("bn1", |s| &s.norm, |s| &mut s.norm),
            Self::tensor(
                "conv1.weight",
                |s| &s.first.conv.weight,
                |s| &mut s.first.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, OUT * 9)),
            ),
            Self::module("bn2", |s| &s.first.norm, |s| &mut s.first.norm),
            Self::tensor(
                "conv2.weight",
                |s| &s.second,
                |s| &mut s.second,
                TensorOptions::reset_with(|t| init::he(t, OUT * 9)),
            ),
            Self::module("convShortcut", |s| &s.shortcut, |s| &mut s.shortcut),
        );
        visitor.visit_fields(fields, |(norm, conv1, bn2, second, shortcut)| WideBlock {
            norm,
            first: (conv1, bn2).into(),
            second,
            shortcut,
        })
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, E: Dtype, D: Device<E>>
    TensorCollection<E, D> for WideStage<IN, OUT, S, REST, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = WideStage<IN, OUT, S, REST, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let names: Vec<String> = (1..=REST).map(|i| format!("layer.{i}")).collect();
        let rest = names
            .iter()
            .enumerate()
            .map(|(i, name)| Self::module(name, move |s| &s.rest[i], move |s| &mut s.rest[i]));
        visitor.visit_fields(
            (
                Self::module("layer.0", |s| &s.first, |s| &mut s.first),
                rest.collect::<Vec<_>>(),
            ),
            |(first, rest)| WideStage { first, rest },
        )
    }
}

/// What stands beside the layers of a block.
pub trait Beside<E: Dtype, D: Device<E>> {
    /// The weight of a convolution of what was normalized; `None`, where the input itself stands there.
    fn weight(&self) -> Result<Option<Image<E, D>>, D::Err>;
}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Device<E>> Beside<E, D>
    for Kernel<IN, OUT, E, D>
{
    fn weight(&self) -> Result<Option<Image<E, D>>, D::Err> {
        cast(self.weight.clone()).map(Some)
    }
}

impl<E: Dtype, D: Device<E>> Beside<E, D> for Identity {
    fn weight(&self) -> Result<Option<Image<E, D>>, D::Err> {
        Ok(None)
    }
}

/// What [`PreactivationBlock`] takes of a block.
pub(super) struct Parts<E: Dtype, D: Storage<E>> {
    affine: Affine<E, D>,
    running: Running<E, D>,
    first: conv2d_batch_norm::Parts<E, D>,
    second: Image<E, D>,
    shortcut: Option<(Image<E, D>, Window)>,
}

impl<E: Dtype, D: Storage<E>> Parts<E, D> {
    pub(super) fn block(&self) -> PreactivationBlock<'_, E, D> {
        let shortcut = self.shortcut.as_ref();
        PreactivationBlock {
            affine: &self.affine,
            running: &self.running,
            first: self.first.layer(),
            second: Convolution {
                weight: &self.second,
                window: window(3, 1),
            },
            shortcut: shortcut.map(|(weight, window)| Convolution {
                weight,
                window: *window,
            }),
        }
    }
}

/// The statistics after a batch, in the order of the layers.
type After<'a, E, D> = &'a mut dyn Iterator<Item = Running<E, D>>;

impl<const IN: usize, const OUT: usize, const S: usize, C, E, D> WideBlock<IN, OUT, S, C, E, D>
where
    C: Beside<E, D>,
    E: Dtype,
    D: Layers<E>,
{
    fn is_frozen(&self) -> bool {
        self.norm.is_frozen() || self.first.norm.is_frozen()
    }

    fn parts(&self) -> Result<Parts<E, D>, D::Err> {
        let shortcut = self.shortcut.weight()?;
        Ok(Parts {
            affine: self.norm.affine()?,
            running: self.norm.statistics()?,
            first: self.first.parts()?,
            second: cast(self.second.clone())?,
            shortcut: shortcut.map(|weight| (weight, window(1, S))),
        })
    }

    fn advance(&mut self, after: After<'_, E, D>) -> Result<(), D::Err> {
        let mut next = || after.next().expect("statistics of each layer");
        self.norm.advance(next())?;
        self.first.norm.advance(next())
    }

    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let input = x.with_empty_tape();
        let x = self.norm.train(x, Tail::RELU)?;
        let beside = self.beside(input, &x)?;
        let x = self.first.train(x, Tail::RELU)?;
        self.join(x, beside)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let input = x.with_empty_tape();
        let x = self.norm.evaluate(x, Tail::RELU)?;
        let beside = self.beside(input, &x)?;
        let x = self.first.evaluate(x, Tail::RELU)?;
        self.join(x, beside)
    }

    /// What stands beside the layers.
    fn beside<T: LayerTape<E, D>>(
        &self,
        input: Image<E, D, T>,
        normalized: &Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        match self.shortcut.weight()? {
            None => Ok(input),
            Some(weight) => applied::conv2d(normalized.with_empty_tape(), &weight, window(1, S), 1),
        }
    }

    /// `conv2(x) + beside`.
    fn join<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        beside: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let x = applied::conv2d(x, &cast(self.second.clone())?, window(3, 1), 1)?;
        // By an operation of the layers', which takes images as they lie.
        let ones = Factors::ones(x.device(), x.shape().0)?;
        D::try_add_scaled(beside, x, &ones)
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, E: Dtype, D: Layers<E>>
    WideStage<IN, OUT, S, REST, E, D>
{
    pub(super) fn is_frozen(&self) -> bool {
        self.first.is_frozen() || self.rest.iter().any(WideBlock::is_frozen)
    }

    pub(super) fn parts(&self, parts: &mut Vec<Parts<E, D>>) -> Result<(), D::Err> {
        parts.push(self.first.parts()?);
        for block in &self.rest {
            parts.push(block.parts()?);
        }
        Ok(())
    }

    pub(super) fn advance(&mut self, after: After<'_, E, D>) -> Result<(), D::Err> {
        self.first.advance(after)?;
        self.rest
            .iter_mut()
            .try_for_each(|block| block.advance(after))
    }

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
