//! Wide residual networks.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{applied, cast::cast, init, modules, modules::Identity, network};
use crate::{
    device::{Channels, Factors, Image, LayerTape, Layers, Rows, Tail, Window},
    nn,
};

/// The wide residual networks of Zagoruyko & Komodakis ([2016](https://arxiv.org/abs/1605.07146)): a
/// convolution to 16 channels, three stages of `C1`, `C2` and `C3` channels with `1 + REST` blocks each
/// that normalize before they convolve, normalization, global average pooling and a linear layer to
/// `CLASSES`. WRN-D-K has `(D - 4) / 6` blocks in each stage and 16 K, 32 K, 64 K channels; without
/// dropout, as in SAM's experiments.
///
/// Takes images of 3 channels, of 32 x 32 in the paper, and gives logits (batch, `CLASSES`). The kernels
/// begin as in He et al. (2015b), by the number of outputs, and the last layer as PyTorch's and dfdx's `Linear`.
/// Names of tensors are those of the widespread PyTorch version: `block1.layer.0.conv1.weight`,
/// `block2.layer.0.convShortcut.weight`, `fc.bias`; there the last layer's bias begins at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WideResNet<
    const REST: usize,
    const C1: usize,
    const C2: usize,
    const C3: usize,
    const CLASSES: usize,
>;

/// WRN-16-4: 2.7 million parameters.
pub type WideResNet16x4<const CLASSES: usize> = WideResNet<1, 64, 128, 256, CLASSES>;
/// WRN-28-10: 36.5 million parameters.
pub type WideResNet28x10<const CLASSES: usize> = WideResNet<3, 160, 320, 640, CLASSES>;
/// WRN-40-10: 55.8 million parameters.
pub type WideResNet40x10<const CLASSES: usize> = WideResNet<5, 160, 320, 640, CLASSES>;

pub(super) mod module {
    use super::*;

    /// Normalization, ReLU, convolution with stride `S`, and the same again without the stride, beside
    /// a shortcut: where channels change, a convolution of 1 x 1 of what was normalized.
    #[derive(Clone, Debug)]
    pub struct WideBlock<
        const IN: usize,
        const OUT: usize,
        const S: usize,
        C,
        E: Dtype,
        D: Storage<E>,
    > {
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

    /// See [`WideResNet`](super::WideResNet).
    #[derive(Clone, Debug)]
    pub struct WideResNet<
        const REST: usize,
        const C1: usize,
        const C2: usize,
        const C3: usize,
        const CLASSES: usize,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The first convolution: (16, 3, 3, 3).
        pub conv1: Tensor<Rank4<16, 3, 3, 3>, E, D>,
        /// `C1` channels.
        pub block1: WideStage<16, C1, 1, REST, E, D>,
        /// `C2` channels, half the side.
        pub block2: WideStage<C1, C2, 2, REST, E, D>,
        /// `C3` channels, a quarter of the side.
        pub block3: WideStage<C2, C3, 2, REST, E, D>,
        /// The last normalization.
        pub norm: modules::BatchNorm2D<Const<C3>, E, D>,
        /// From features to logits.
        pub fc: modules::Linear<C3, CLASSES, E, D>,
    }
}

use module::{Kernel, WideBlock, WideStage};

impl<
    const REST: usize,
    const C1: usize,
    const C2: usize,
    const C3: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Layers<E>,
> BuildOnDevice<D, E> for WideResNet<REST, C1, C2, C3, CLASSES>
{
    type Built = module::WideResNet<REST, C1, C2, C3, CLASSES, E, D>;
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

impl<
    const REST: usize,
    const C1: usize,
    const C2: usize,
    const C3: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Device<E>,
> TensorCollection<E, D> for module::WideResNet<REST, C1, C2, C3, CLASSES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::WideResNet<REST, C1, C2, C3, CLASSES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::tensor(
                "conv1.weight",
                |s| &s.conv1,
                |s| &mut s.conv1,
                TensorOptions::reset_with(|t| init::he(t, 16 * 9)),
            ),
            Self::module("block1", |s| &s.block1, |s| &mut s.block1),
            Self::module("block2", |s| &s.block2, |s| &mut s.block2),
            Self::module("block3", |s| &s.block3, |s| &mut s.block3),
            Self::module("bn1", |s| &s.norm, |s| &mut s.norm),
            Self::module("fc", |s| &s.fc, |s| &mut s.fc),
        );
        visitor.visit_fields(fields, |(conv1, block1, block2, block3, norm, fc)| {
            module::WideResNet {
                conv1,
                block1,
                block2,
                block3,
                norm,
                fc,
            }
        })
    }
}

const fn kernel(size: usize, stride: usize) -> Window {
    Window {
        size,
        stride,
        padding: size / 2,
        dilation: 1,
    }
}

/// `conv2(x) + beside`.
fn join<const OUT: usize, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    second: &Tensor<Rank4<OUT, OUT, 3, 3>, E, D>,
    beside: Image<E, D, T>,
) -> Result<Image<E, D, T>, D::Err> {
    let x = applied::conv2d(x, &cast(second.clone())?, kernel(3, 1), 1)?;
    // By an operation of the layers', which takes images as they lie.
    let ones: Channels<E, D> = x.device().try_ones_like(&(x.shape().0,))?;
    let factors = Factors {
        forward: ones.clone(),
        backward: ones,
    };
    D::try_add_scaled(beside, x, &factors)
}

/// With a convolution in the shortcut.
impl<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Layers<E>>
    WideBlock<IN, OUT, S, Kernel<IN, OUT, E, D>, E, D>
{
    /// What the shortcut makes of the normalized input.
    fn beside<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let weight = cast(self.shortcut.weight.clone())?;
        applied::conv2d(x, &weight, kernel(1, S), 1)
    }

    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let x = self.norm.train(x, Tail::RELU)?;
        let beside = self.beside(x.with_empty_tape())?;
        join(self.first.train(x, Tail::RELU)?, &self.second, beside)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let x = self.norm.evaluate(x, Tail::RELU)?;
        let beside = self.beside(x.with_empty_tape())?;
        join(self.first.evaluate(x, Tail::RELU)?, &self.second, beside)
    }
}

/// With nothing in the shortcut.
impl<const C: usize, E: Dtype, D: Layers<E>> WideBlock<C, C, 1, Identity, E, D> {
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let beside = x.with_empty_tape();
        let x = self.norm.train(x, Tail::RELU)?;
        join(self.first.train(x, Tail::RELU)?, &self.second, beside)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let beside = x.with_empty_tape();
        let x = self.norm.evaluate(x, Tail::RELU)?;
        join(self.first.evaluate(x, Tail::RELU)?, &self.second, beside)
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, E: Dtype, D: Layers<E>>
    WideStage<IN, OUT, S, REST, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let x = self.first.train(x)?;
        self.rest.iter_mut().try_fold(x, |x, block| block.train(x))
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let x = self.first.evaluate(x)?;
        self.rest.iter().try_fold(x, |x, block| block.evaluate(x))
    }
}

impl<
    const REST: usize,
    const C1: usize,
    const C2: usize,
    const C3: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Layers<E>,
> module::WideResNet<REST, C1, C2, C3, CLASSES, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = applied::conv2d(x, &cast(self.conv1.clone())?, kernel(3, 1), 1)?;
        let x = self.block1.train(x)?;
        let x = self.block2.train(x)?;
        let x = self.block3.train(x)?;
        let x = self.norm.train(x, Tail::RELU)?;
        self.fc.apply(applied::global_avg_pool(x)?, false)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = applied::conv2d(x, &cast(self.conv1.clone())?, kernel(3, 1), 1)?;
        let x = self.block1.evaluate(x)?;
        let x = self.block2.evaluate(x)?;
        let x = self.block3.evaluate(x)?;
        let x = self.norm.evaluate(x, Tail::RELU)?;
        self.fc.apply(applied::global_avg_pool(x)?, false)
    }
}

network! {
    [const REST: usize, const C1: usize, const C2: usize, const C3: usize, const CLASSES: usize]
    WideResNet<REST, C1, C2, C3, CLASSES> => module::WideResNet<REST, C1, C2, C3, CLASSES, E, D> => CLASSES
}
