//! The residual networks for CIFAR.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    block::Stage,
    shortcut::{Identity, Subsample},
};
use crate::{
    device::{Image, LayerTape, Layers, Rows, Tail},
    nn::{self, applied, init, modules, network},
};

/// The residual networks of He et al. ([2015](https://arxiv.org/abs/1512.03385), section 4.2): a
/// convolution to 16 channels, three stages of 16, 32 and 64 channels with `1 + REST` blocks each,
/// shortcuts without parameters, global average pooling and a linear layer to `CLASSES`.
///
/// Takes images of 3 channels, of 32 x 32 in the paper, and gives logits (batch, `CLASSES`). Names of
/// tensors are those of the widespread PyTorch version: `conv1.weight`, `layer1.0.bn2.bias`,
/// `linear.weight`; see [`weights`](crate::nn::weights). The kernels begin as in He et al. (2015b), by
/// the number of outputs; that version takes the number of inputs. The last layer begins as PyTorch's and dfdx's
/// `Linear`, uniform in `±1/8`, its bias too; that version draws its weights like the kernels.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::ResNet20;
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<ResNet20<10>, f32>();
/// let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.sample_normal();
/// let logits: Tensor<Rank2<4, 10>, f32, _, _> = net.forward_mut(x.traced(net.alloc_grads()));
/// assert_eq!(net.num_trainable_params(), 269_722);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CifarResNet<const REST: usize, const CLASSES: usize>;

/// Three blocks in each stage: 0.27 million parameters.
pub type ResNet20<const CLASSES: usize> = CifarResNet<2, CLASSES>;
/// Five blocks in each stage: 0.46 million parameters.
pub type ResNet32<const CLASSES: usize> = CifarResNet<4, CLASSES>;
/// Seven blocks in each stage: 0.66 million parameters.
pub type ResNet44<const CLASSES: usize> = CifarResNet<6, CLASSES>;
/// Nine blocks in each stage: 0.85 million parameters.
pub type ResNet56<const CLASSES: usize> = CifarResNet<8, CLASSES>;

/// A [`CifarResNet`] without its last layer: what it sees in an image, vectors of 64 features. Names of tensors are
/// those of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CifarResNetBody<const REST: usize>;

/// [`ResNet20`] without its last layer.
pub type ResNet20Body = CifarResNetBody<2>;
/// [`ResNet32`] without its last layer.
pub type ResNet32Body = CifarResNetBody<4>;
/// [`ResNet44`] without its last layer.
pub type ResNet44Body = CifarResNetBody<6>;
/// [`ResNet56`] without its last layer.
pub type ResNet56Body = CifarResNetBody<8>;

pub(in crate::nn) mod module {
    use super::*;

    /// See [`CifarResNetBody`](super::CifarResNetBody).
    #[derive(Clone, Debug)]
    pub struct CifarResNetBody<const REST: usize, E: Dtype, D: Storage<E>> {
        /// The first convolution.
        pub stem: modules::Conv2DBatchNorm<nn::Conv2DBatchNorm<3, 16, 3, 1, 1>, E, D>,
        /// 16 channels.
        pub layer1: Stage<16, 16, 1, REST, Identity, E, D>,
        /// 32 channels, half the side.
        pub layer2: Stage<16, 32, 2, REST, Subsample<16, 32>, E, D>,
        /// 64 channels, a quarter of the side.
        pub layer3: Stage<32, 64, 2, REST, Subsample<32, 64>, E, D>,
    }

    /// See [`CifarResNet`](super::CifarResNet).
    #[derive(Clone, Debug)]
    pub struct CifarResNet<const REST: usize, const CLASSES: usize, E: Dtype, D: Storage<E>> {
        /// From images to features.
        pub body: CifarResNetBody<REST, E, D>,
        /// From features to logits.
        pub linear: modules::Linear<64, CLASSES, E, D>,
    }
}

/// The fields of the body that lies at `$body` of a module.
macro_rules! body {
    ($module:ident => $($body:tt)+) => {
        (
            Self::tensor(
                "conv1.weight",
                |$module| &$($body)+.stem.conv.weight,
                |$module| &mut $($body)+.stem.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, 16 * 9)),
            ),
            Self::module("bn1", |$module| &$($body)+.stem.norm, |$module| &mut $($body)+.stem.norm),
            Self::module("layer1", |$module| &$($body)+.layer1, |$module| &mut $($body)+.layer1),
            Self::module("layer2", |$module| &$($body)+.layer2, |$module| &mut $($body)+.layer2),
            Self::module("layer3", |$module| &$($body)+.layer3, |$module| &mut $($body)+.layer3),
        )
    };
}

impl<const REST: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for CifarResNetBody<REST> {
    type Built = module::CifarResNetBody<REST, E, D>;
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E>
    for CifarResNet<REST, CLASSES>
{
    type Built = module::CifarResNet<REST, CLASSES, E, D>;
}

impl<const REST: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for module::CifarResNetBody<REST, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::CifarResNetBody<REST, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(body!(s => s), |(conv1, bn1, layer1, layer2, layer3)| {
            module::CifarResNetBody {
                stem: (conv1, bn1).into(),
                layer1,
                layer2,
                layer3,
            }
        })
    }
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for module::CifarResNet<REST, CLASSES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::CifarResNet<REST, CLASSES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            body!(s => s.body),
            Self::module("linear", |s| &s.linear, |s| &mut s.linear),
        );
        visitor.visit_fields(fields, |((conv1, bn1, layer1, layer2, layer3), linear)| {
            module::CifarResNet {
                body: module::CifarResNetBody {
                    stem: (conv1, bn1).into(),
                    layer1,
                    layer2,
                    layer3,
                },
                linear,
            }
        })
    }
}

impl<const REST: usize, E: Dtype, D: Layers<E>> module::CifarResNetBody<REST, E, D> {
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.stem.train(x, Tail::RELU)?;
        let x = self.layer1.train(x)?;
        let x = self.layer2.train(x)?;
        let x = self.layer3.train(x)?;
        applied::global_avg_pool(x)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.stem.evaluate(x, Tail::RELU)?;
        let x = self.layer1.evaluate(x)?;
        let x = self.layer2.evaluate(x)?;
        let x = self.layer3.evaluate(x)?;
        applied::global_avg_pool(x)
    }
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Layers<E>>
    module::CifarResNet<REST, CLASSES, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.body.train(x)?;
        self.linear.apply(x, false)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.body.evaluate(x)?;
        self.linear.apply(x, false)
    }
}

network! {
    [const REST: usize]
    CifarResNetBody<REST> => module::CifarResNetBody<REST, E, D> => 64
}

network! {
    [const REST: usize, const CLASSES: usize]
    CifarResNet<REST, CLASSES> => module::CifarResNet<REST, CLASSES, E, D> => CLASSES
}
