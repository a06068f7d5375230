//! The residual networks for ImageNet, with blocks of two convolutions.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    block::Stage,
    shortcut::{Identity, Projection},
};
use crate::{
    device::{Image, LayerTape, Layers, Pool, Rows, Tail, Window},
    nn::{self, init, modules, network},
};

/// The residual networks of He et al. ([2015](https://arxiv.org/abs/1512.03385), table 1) with blocks of
/// two convolutions: a convolution of 7 x 7 with stride 2, max pooling, four stages of 64, 128, 256 and
/// 512 channels with one block more than `R1` to `R4`, projections where the size changes (option B),
/// global average pooling and a linear layer to `CLASSES`.
///
/// Takes images of 3 channels, of 224 x 224 in the paper, and gives logits (batch, `CLASSES`). Names of
/// tensors are torchvision's and timm's: `conv1.weight`, `layer2.0.downsample.1.running_var`,
/// `fc.weight`; see [`weights`](crate::nn::weights). The kernels begin as torchvision's: He et al.
/// (2015b), by the number of outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResNet<
    const R1: usize,
    const R2: usize,
    const R3: usize,
    const R4: usize,
    const CLASSES: usize,
>;

/// Two blocks in each stage: 11.7 million parameters with 1000 classes.
pub type ResNet18<const CLASSES: usize> = ResNet<1, 1, 1, 1, CLASSES>;
/// 3, 4, 6 and 3 blocks: 21.8 million parameters with 1000 classes.
pub type ResNet34<const CLASSES: usize> = ResNet<2, 3, 5, 2, CLASSES>;

pub(in crate::nn) mod module {
    use super::*;

    /// See [`ResNet`](super::ResNet).
    #[derive(Clone, Debug)]
    pub struct ResNet<
        const R1: usize,
        const R2: usize,
        const R3: usize,
        const R4: usize,
        const CLASSES: usize,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The first convolution.
        pub stem: modules::Conv2DBatchNorm<nn::Conv2DBatchNorm<3, 64, 7, 2, 3>, E, D>,
        /// 64 channels.
        pub layer1: Stage<64, 64, 1, R1, Identity, E, D>,
        /// 128 channels.
        pub layer2: Stage<64, 128, 2, R2, Projection<64, 128, 2, E, D>, E, D>,
        /// 256 channels.
        pub layer3: Stage<128, 256, 2, R3, Projection<128, 256, 2, E, D>, E, D>,
        /// 512 channels.
        pub layer4: Stage<256, 512, 2, R4, Projection<256, 512, 2, E, D>, E, D>,
        /// From features to logits.
        pub fc: modules::Linear<512, CLASSES, E, D>,
    }
}

impl<
    const R1: usize,
    const R2: usize,
    const R3: usize,
    const R4: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Layers<E>,
> BuildOnDevice<D, E> for ResNet<R1, R2, R3, R4, CLASSES>
{
    type Built = module::ResNet<R1, R2, R3, R4, CLASSES, E, D>;
}

impl<
    const R1: usize,
    const R2: usize,
    const R3: usize,
    const R4: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Device<E>,
> TensorCollection<E, D> for module::ResNet<R1, R2, R3, R4, CLASSES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::ResNet<R1, R2, R3, R4, CLASSES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let stem = (
            Self::tensor(
                "conv1.weight",
                |s| &s.stem.conv.weight,
                |s| &mut s.stem.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, 64 * 49)),
            ),
            Self::module("bn1", |s| &s.stem.norm, |s| &mut s.stem.norm),
        );
        let fields = (
            stem,
            Self::module("layer1", |s| &s.layer1, |s| &mut s.layer1),
            Self::module("layer2", |s| &s.layer2, |s| &mut s.layer2),
            Self::module("layer3", |s| &s.layer3, |s| &mut s.layer3),
            Self::module("layer4", |s| &s.layer4, |s| &mut s.layer4),
            Self::module("fc", |s| &s.fc, |s| &mut s.fc),
        );
        visitor.visit_fields(fields, |(stem, layer1, layer2, layer3, layer4, fc)| {
            module::ResNet {
                stem: stem.into(),
                layer1,
                layer2,
                layer3,
                layer4,
                fc,
            }
        })
    }
}

/// The pooling after the first convolution.
const POOL: Window = Window {
    size: 3,
    stride: 2,
    padding: 1,
    dilation: 1,
};

impl<
    const R1: usize,
    const R2: usize,
    const R3: usize,
    const R4: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Layers<E>,
> module::ResNet<R1, R2, R3, R4, CLASSES, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = D::try_pool2d(self.stem.train(x, Tail::RELU)?, Pool::Max, POOL)?;
        let x = self.layer1.train(x)?;
        let x = self.layer2.train(x)?;
        let x = self.layer3.train(x)?;
        let x = self.layer4.train(x)?;
        self.fc.apply(D::try_global_avg_pool(x)?, false)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = D::try_pool2d(self.stem.evaluate(x, Tail::RELU)?, Pool::Max, POOL)?;
        let x = self.layer1.evaluate(x)?;
        let x = self.layer2.evaluate(x)?;
        let x = self.layer3.evaluate(x)?;
        let x = self.layer4.evaluate(x)?;
        self.fc.apply(D::try_global_avg_pool(x)?, false)
    }
}

network! {
    [const R1: usize, const R2: usize, const R3: usize, const R4: usize, const CLASSES: usize]
    ResNet<R1, R2, R3, R4, CLASSES> => module::ResNet<R1, R2, R3, R4, CLASSES, E, D>
}
