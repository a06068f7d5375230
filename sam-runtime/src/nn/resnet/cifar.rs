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

pub(in crate::nn) mod module {
    use super::*;

    /// See [`CifarResNet`](super::CifarResNet).
    #[derive(Clone, Debug)]
    pub struct CifarResNet<const REST: usize, const CLASSES: usize, E: Dtype, D: Storage<E>> {
        /// The first convolution.
        pub stem: modules::Conv2DBatchNorm<nn::Conv2DBatchNorm<3, 16, 3, 1, 1>, E, D>,
        /// 16 channels.
        pub layer1: Stage<16, 16, 1, REST, Identity, E, D>,
        /// 32 channels, half the side.
        pub layer2: Stage<16, 32, 2, REST, Subsample<16, 32>, E, D>,
        /// 64 channels, a quarter of the side.
        pub layer3: Stage<32, 64, 2, REST, Subsample<32, 64>, E, D>,
        /// From features to logits.
        pub linear: modules::Linear<64, CLASSES, E, D>,
    }
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E>
    for CifarResNet<REST, CLASSES>
{
    type Built = module::CifarResNet<REST, CLASSES, E, D>;
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for module::CifarResNet<REST, CLASSES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::CifarResNet<REST, CLASSES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::tensor(
                "conv1.weight",
                |s| &s.stem.conv.weight,
                |s| &mut s.stem.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, 16 * 9)),
            ),
            Self::module("bn1", |s| &s.stem.norm, |s| &mut s.stem.norm),
            Self::module("layer1", |s| &s.layer1, |s| &mut s.layer1),
            Self::module("layer2", |s| &s.layer2, |s| &mut s.layer2),
            Self::module("layer3", |s| &s.layer3, |s| &mut s.layer3),
            Self::module("linear", |s| &s.linear, |s| &mut s.linear),
        );
        visitor.visit_fields(fields, |(conv1, bn1, layer1, layer2, layer3, linear)| {
            module::CifarResNet {
                stem: (conv1, bn1).into(),
                layer1,
                layer2,
                layer3,
                linear,
            }
        })
    }
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Layers<E>>
    module::CifarResNet<REST, CLASSES, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.stem.train(x, Tail::RELU)?;
        let x = self.layer1.train(x)?;
        let x = self.layer2.train(x)?;
        let x = self.layer3.train(x)?;
        self.linear.apply(applied::global_avg_pool(x)?, false)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let x = self.stem.evaluate(x, Tail::RELU)?;
        let x = self.layer1.evaluate(x)?;
        let x = self.layer2.evaluate(x)?;
        let x = self.layer3.evaluate(x)?;
        self.linear.apply(applied::global_avg_pool(x)?, false)
    }
}

network! {
    [const REST: usize, const CLASSES: usize]
    CifarResNet<REST, CLASSES> => module::CifarResNet<REST, CLASSES, E, D>
}
