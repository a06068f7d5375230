//! Wide residual networks; the block is in `block`.

pub(super) mod block;

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{applied, cast::cast, computed::window, init, modules, network};
use crate::device::{Image, LayerTape, Layers, Rows, Tail};
use block::Parts;

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

    pub use super::block::{WideBlock, WideStage};

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
    /// All blocks.
    fn train_blocks<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
    ) -> Result<Image<E, D, T>, D::Err> {
        let Self {
            block1,
            block2,
            block3,
            ..
        } = self;
        if block1.is_frozen() || block2.is_frozen() || block3.is_frozen() {
            return block3.train(block2.train(block1.train(x)?)?);
        }
        let mut parts = Vec::new();
        block1.parts(&mut parts)?;
        block2.parts(&mut parts)?;
        block3.parts(&mut parts)?;
        let blocks: Vec<_> = parts.iter().map(Parts::block).collect();
        let (x, after) = D::try_preactivation_blocks(x, &blocks)?;
        let after = &mut after.into_iter();
        block1.advance(after)?;
        block2.advance(after)?;
        block3.advance(after)?;
        Ok(x)
    }

    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = applied::conv2d(x, &cast(self.conv1.clone())?, window(3, 1), 1)?;
        let x = self.train_blocks(x)?;
        let x = self.norm.train(x, Tail::RELU)?;
        self.fc.apply(applied::global_avg_pool(x)?, false)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = applied::conv2d(x, &cast(self.conv1.clone())?, window(3, 1), 1)?;
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
