//! What stands beside the convolutions of a residual block.

use dfdx::{nn::tensor_collection::*, prelude::*};

use crate::{
    device::{Image, LayerTape, Layers, Skip, Tail},
    nn::{self, applied, init, modules::Conv2DBatchNorm},
};

/// A way around the convolutions of a block.
pub trait Shortcut<E: Dtype, D: Layers<E>>: TensorCollection<E, D> {
    /// The same without its parameters, if it has none.
    fn skip(&self) -> Option<Skip>;

    /// With the batch's statistics, which advance the running ones.
    ///
    /// # Errors
    /// The device's.
    fn try_train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err>;

    /// With the running statistics.
    ///
    /// # Errors
    /// The device's.
    fn try_evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>)
    -> Result<Image<E, D, T>, D::Err>;
}

/// The input itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl ZeroSizedModule for Identity {}

impl<E: Dtype, D: Layers<E>> Shortcut<E, D> for Identity {
    fn skip(&self) -> Option<Skip> {
        Some(Skip::Identity)
    }

    fn try_train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        Ok(x)
    }

    fn try_evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        Ok(x)
    }
}

/// Every second pixel of every second row, and channels of zeros on both sides, up to `OUT` (option A).
#[derive(Clone, Copy, Debug, Default)]
pub struct Subsample<const IN: usize, const OUT: usize>;

impl<const IN: usize, const OUT: usize> ZeroSizedModule for Subsample<IN, OUT> {}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Layers<E>> Shortcut<E, D>
    for Subsample<IN, OUT>
{
    fn skip(&self) -> Option<Skip> {
        Some(Skip::Subsample {
            stride: 2,
            before: (OUT - IN) / 2,
        })
    }

    fn try_train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        self.try_evaluate(x)
    }

    fn try_evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let y = D::try_subsample(x, 2, OUT, (OUT - IN) / 2)?;
        applied::without_tensors("Subsample", &y);
        Ok(y)
    }
}

/// A convolution of 1 x 1 with stride `S`, normalized (option B).
#[derive(Clone, Debug)]
pub struct Projection<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Storage<E>>(
    /// The layer.
    pub Conv2DBatchNorm<nn::Conv2DBatchNorm<IN, OUT, 1, S>, E, D>,
);

impl<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Device<E>>
    TensorCollection<E, D> for Projection<IN, OUT, S, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Projection<IN, OUT, S, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let weight = Self::tensor(
            "0.weight",
            |s| &s.0.conv.weight,
            |s| &mut s.0.conv.weight,
            TensorOptions::reset_with(|t| init::he(t, OUT)),
        );
        let norm = Self::module("1", |s| &s.0.norm, |s| &mut s.0.norm);
        visitor.visit_fields((weight, norm), |parts| Projection(parts.into()))
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Layers<E>> Shortcut<E, D>
    for Projection<IN, OUT, S, E, D>
{
    fn skip(&self) -> Option<Skip> {
        None
    }

    fn try_train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        self.0.train(x, Tail::NONE)
    }

    fn try_evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        self.0.evaluate(x, Tail::NONE)
    }
}
