//! The residual networks for ImageNet.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    block::Stage,
    bottleneck::BottleneckStage,
    shortcut::{Identity, Projection},
};
use crate::{
    device::{Image, LayerTape, Layers, Pool, Rows, Tail, Window},
    nn::{self, applied, init, modules, network},
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

/// A [`ResNet`] without its last layer: what it sees in an image, vectors of 512 features. Names of tensors are those
/// of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResNetBody<const R1: usize, const R2: usize, const R3: usize, const R4: usize>;

/// [`ResNet18`] without its last layer: 11.2 million parameters.
pub type ResNet18Body = ResNetBody<1, 1, 1, 1>;
/// [`ResNet34`] without its last layer: 21.3 million parameters.
pub type ResNet34Body = ResNetBody<2, 3, 5, 2>;

/// The residual networks of He et al. ([2015](https://arxiv.org/abs/1512.03385), table 1) with blocks of
/// three convolutions: as [`ResNet`], with stages of 256, 512, 1024 and 2048 channels, whose blocks convolve in a
/// quarter of them. The stride is that of the convolution of 3 x 3, as in torchvision (version 1.5); in the paper
/// the one before it has it.
///
/// Takes images of 3 channels, of 224 x 224 in the paper, and gives logits (batch, `CLASSES`). Names of
/// tensors are torchvision's and timm's: `layer1.0.conv3.weight`, `layer1.0.downsample.0.weight`; see
/// [`weights`](crate::nn::weights). Everything begins as in torchvision, the last layer of [`ResNet`] too.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::ResNet50;
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<ResNet50<1000>, f32>();
/// assert_eq!(net.num_trainable_params(), 25_557_032);
/// let x: Tensor<Rank4<1, 3, 64, 64>, f32, _> = dev.sample_normal();
/// let logits: Tensor<Rank2<1, 1000>, f32, _> = net.forward(x);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BottleneckResNet<
    const R1: usize,
    const R2: usize,
    const R3: usize,
    const R4: usize,
    const CLASSES: usize,
>;

/// 3, 4, 6 and 3 blocks: 25.6 million parameters with 1000 classes.
pub type ResNet50<const CLASSES: usize> = BottleneckResNet<2, 3, 5, 2, CLASSES>;
/// 3, 4, 23 and 3 blocks: 44.5 million parameters with 1000 classes.
pub type ResNet101<const CLASSES: usize> = BottleneckResNet<2, 3, 22, 2, CLASSES>;
/// 3, 8, 36 and 3 blocks: 60.2 million parameters with 1000 classes.
pub type ResNet152<const CLASSES: usize> = BottleneckResNet<2, 7, 35, 2, CLASSES>;

/// A [`BottleneckResNet`] without its last layer: what it sees in an image, vectors of 2048 features. Names of tensors
/// are those of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BottleneckResNetBody<const R1: usize, const R2: usize, const R3: usize, const R4: usize>;

/// [`ResNet50`] without its last layer: 23.5 million parameters.
pub type ResNet50Body = BottleneckResNetBody<2, 3, 5, 2>;
/// [`ResNet101`] without its last layer: 42.5 million parameters.
pub type ResNet101Body = BottleneckResNetBody<2, 3, 22, 2>;
/// [`ResNet152`] without its last layer: 58.1 million parameters.
pub type ResNet152Body = BottleneckResNetBody<2, 7, 35, 2>;

/// The pooling after the first convolution.
const POOL: Window = Window {
    size: 3,
    stride: 2,
    padding: 1,
    dilation: 1,
};

/// The fields of the body that lies at `$body` of a module.
macro_rules! body {
    ($module:ident => $($body:tt)+) => {{
        let stem = (
            Self::tensor(
                "conv1.weight",
                |$module| &$($body)+.stem.conv.weight,
                |$module| &mut $($body)+.stem.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, 64 * 49)),
            ),
            Self::module("bn1", |$module| &$($body)+.stem.norm, |$module| &mut $($body)+.stem.norm),
        );
        (
            stem,
            Self::module("layer1", |$module| &$($body)+.layer1, |$module| &mut $($body)+.layer1),
            Self::module("layer2", |$module| &$($body)+.layer2, |$module| &mut $($body)+.layer2),
            Self::module("layer3", |$module| &$($body)+.layer3, |$module| &mut $($body)+.layer3),
            Self::module("layer4", |$module| &$($body)+.layer4, |$module| &mut $($body)+.layer4),
        )
    }};
}

/// A network and its body with their tensors, in a module of their own: four stages of these types, the last of which
/// gives so many channels.
macro_rules! of_stages {
    ($module:ident, $net:ident, $body:ident: $stage1:ty, $stage2:ty, $stage3:ty, $stage4:ty => $features:literal) => {
        pub(in crate::nn) mod $module {
            use super::*;

            #[doc = concat!("See [`", stringify!($body), "`](crate::nn::", stringify!($body), ").")]
            #[derive(Clone, Debug)]
            pub struct $body<
                const R1: usize,
                const R2: usize,
                const R3: usize,
                const R4: usize,
                E: Dtype,
                D: Storage<E>,
            > {
                /// The first convolution.
                pub stem: modules::Conv2DBatchNorm<nn::Conv2DBatchNorm<3, 64, 7, 2, 3>, E, D>,
                /// A quarter of the side.
                pub layer1: $stage1,
                /// An eighth.
                pub layer2: $stage2,
                /// A sixteenth.
                pub layer3: $stage3,
                /// A thirty-second.
                pub layer4: $stage4,
            }

            #[doc = concat!("See [`", stringify!($net), "`](crate::nn::", stringify!($net), ").")]
            #[derive(Clone, Debug)]
            pub struct $net<
                const R1: usize,
                const R2: usize,
                const R3: usize,
                const R4: usize,
                const CLASSES: usize,
                E: Dtype,
                D: Storage<E>,
            > {
                /// From images to features.
                pub body: $body<R1, R2, R3, R4, E, D>,
                /// From features to logits.
                pub fc: modules::Linear<$features, CLASSES, E, D>,
            }
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            E: Dtype,
            D: Layers<E>,
        > BuildOnDevice<D, E> for $body<R1, R2, R3, R4>
        {
            type Built = $module::$body<R1, R2, R3, R4, E, D>;
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            const CLASSES: usize,
            E: Dtype,
            D: Layers<E>,
        > BuildOnDevice<D, E> for $net<R1, R2, R3, R4, CLASSES>
        {
            type Built = $module::$net<R1, R2, R3, R4, CLASSES, E, D>;
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            E: Dtype,
            D: Device<E>,
        > TensorCollection<E, D> for $module::$body<R1, R2, R3, R4, E, D>
        {
            type To<E2: Dtype, D2: Device<E2>> = $module::$body<R1, R2, R3, R4, E2, D2>;

            fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                visitor.visit_fields(body!(s => s), |(stem, layer1, layer2, layer3, layer4)| {
                    $module::$body {
                        stem: stem.into(),
                        layer1,
                        layer2,
                        layer3,
                        layer4,
                    }
                })
            }
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            const CLASSES: usize,
            E: Dtype,
            D: Device<E>,
        > TensorCollection<E, D> for $module::$net<R1, R2, R3, R4, CLASSES, E, D>
        {
            type To<E2: Dtype, D2: Device<E2>> = $module::$net<R1, R2, R3, R4, CLASSES, E2, D2>;

            fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                let fields = (
                    body!(s => s.body),
                    Self::module("fc", |s| &s.fc, |s| &mut s.fc),
                );
                visitor.visit_fields(fields, |((stem, layer1, layer2, layer3, layer4), fc)| {
                    $module::$net {
                        body: $module::$body {
                            stem: stem.into(),
                            layer1,
                            layer2,
                            layer3,
                            layer4,
                        },
                        fc,
                    }
                })
            }
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            E: Dtype,
            D: Layers<E>,
        > $module::$body<R1, R2, R3, R4, E, D>
        {
            fn train<T: LayerTape<E, D>>(
                &mut self,
                x: Image<E, D, T>,
            ) -> Result<Rows<E, D, T>, D::Err> {
                let x = applied::pool2d(self.stem.train(x, Tail::RELU)?, Pool::Max, POOL)?;
                let x = self.layer1.train(x)?;
                let x = self.layer2.train(x)?;
                let x = self.layer3.train(x)?;
                let x = self.layer4.train(x)?;
                applied::global_avg_pool(x)
            }

            fn evaluate<T: LayerTape<E, D>>(
                &self,
                x: Image<E, D, T>,
            ) -> Result<Rows<E, D, T>, D::Err> {
                let x = applied::pool2d(self.stem.evaluate(x, Tail::RELU)?, Pool::Max, POOL)?;
                let x = self.layer1.evaluate(x)?;
                let x = self.layer2.evaluate(x)?;
                let x = self.layer3.evaluate(x)?;
                let x = self.layer4.evaluate(x)?;
                applied::global_avg_pool(x)
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
        > $module::$net<R1, R2, R3, R4, CLASSES, E, D>
        {
            fn train<T: LayerTape<E, D>>(
                &mut self,
                x: Image<E, D, T>,
            ) -> Result<Rows<E, D, T>, D::Err> {
                let x = self.body.train(x)?;
                self.fc.apply(x, false)
            }

            fn evaluate<T: LayerTape<E, D>>(
                &self,
                x: Image<E, D, T>,
            ) -> Result<Rows<E, D, T>, D::Err> {
                let x = self.body.evaluate(x)?;
                self.fc.apply(x, false)
            }
        }

        network! {
            [const R1: usize, const R2: usize, const R3: usize, const R4: usize]
            $body<R1, R2, R3, R4> => $module::$body<R1, R2, R3, R4, E, D> => $features
        }

        network! {
            [const R1: usize, const R2: usize, const R3: usize, const R4: usize, const CLASSES: usize]
            $net<R1, R2, R3, R4, CLASSES> => $module::$net<R1, R2, R3, R4, CLASSES, E, D> => CLASSES
        }
    };
}

of_stages! {
    plain, ResNet, ResNetBody:
        Stage<64, 64, 1, R1, Identity, E, D>,
        Stage<64, 128, 2, R2, Projection<64, 128, 2, E, D>, E, D>,
        Stage<128, 256, 2, R3, Projection<128, 256, 2, E, D>, E, D>,
        Stage<256, 512, 2, R4, Projection<256, 512, 2, E, D>, E, D>
        => 512
}

of_stages! {
    deep, BottleneckResNet, BottleneckResNetBody:
        BottleneckStage<64, 64, 256, 1, R1, E, D>,
        BottleneckStage<256, 128, 512, 2, R2, E, D>,
        BottleneckStage<512, 256, 1024, 2, R3, E, D>,
        BottleneckStage<1024, 512, 2048, 2, R4, E, D>
        => 2048
}
