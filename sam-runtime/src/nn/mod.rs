//! Layers of static shape, on stable Rust: what dfdx 0.13 has for nightly compilers alone, and what a
//! device does faster than dfdx's own.
//!
//! They are used as dfdx's are: a network is a type, of these and dfdx's layers, tuples, `Residual`
//! and activations; `build_module` makes it. Layers that don't fit each other don't compile. Sizes of
//! images can also be dynamic (`usize`), and are then checked when the network runs.
//!
//! Some have the names of layers in dfdx's prelude. Name them in your `use`, and they come first; or use [`nn::prelude`](prelude)
//! in the place of dfdx's, which has them in their stead. `nn::*` beside dfdx's prelude takes **dfdx's**, with a mere warning
//! of `ambiguous_glob_imports`.
//!
//! ```
//! use sam_runtime::{
//!     dfdx::prelude::*,
//!     nn::{BatchNorm2D, Conv2D, Flatten2D, Linear, MaxPool2D},
//! };
//!
//! type Net = (
//!     (Conv2D<1, 8, 3, 1, 1>, BatchNorm2D<8>, ReLU, MaxPool2D<2, 2>),
//!     (Conv2D<8, 16, 3, 1, 1>, BatchNorm2D<16>, ReLU, MaxPool2D<2, 2>),
//!     (Flatten2D, Linear<784, 10>),
//! );
//! let dev = Cpu::default();
//! let mut net = dev.build_module::<Net, f32>();
//! let x: Tensor<Rank4<2, 1, 28, 28>, f32, _> = dev.sample_normal();
//! let y: Tensor<Rank2<2, 10>, f32, _, _> = net.forward_mut(x.trace(net.alloc_grads()));
//! # drop(y);
//! ```
//!
//! | layer | what |
//! |---|---|
//! | [`Conv2D`], [`Bias2D`] | convolution, and the bias behind it |
//! | [`BatchNorm1D`], [`BatchNorm2D`] | batch normalization |
//! | [`LayerNorm`], [`GroupNorm`] | layer and group normalization, which know no batch |
//! | [`Linear`] | linear layer |
//! | [`Embedding`], [`Positions`] | vectors of words, and of their places |
//! | [`MultiHeadAttention`], [`TransformerEncoderLayer`] | attention, and a layer of a transformer's encoder, with masks |
//! | [`GRU`] | gated recurrent unit |
//! | [`Conv1D`] | convolution of signals |
//! | [`SequenceMean`], [`SequenceLast`] | one vector of a sequence |
//! | [`Conv2DBatchNorm`], [`Conv2DBatchNormReLU`], [`BatchNorm2DReLU`], [`Bias2DReLU`], [`LinearReLU`] | several layers in fewer passes over memory |
//! | [`MaxPool2D`], [`AvgPool2D`], [`GlobalAvgPool2D`] | pools |
//! | [`Flatten2D`], [`FlattenTo`] | vectors of images |
//! | [`CifarResNet`], [`WideResNet`], [`ShakeShake`], [`PyramidNet`], [`ResNet`], [`BottleneckResNet`] | whole networks; see [below](#networks) |
//! | [`Frozen`] | a part that is not trained; see [below](#fine-tuning) |
//! | [`DropoutPercent`] | dropout whose rate stands in the type |
//! | [`Dropout`], [`DropoutOneIn`] | dfdx's own: in a SAM step, both passes drop the same numbers |
//!
//! [`cross_entropy_with_logits_loss`] is dfdx's loss, in fewer launches on a GPU; [`loss`] has others: class weights, label
//! smoothing, focal, yes and no, Huber, distillation. [`summary`] prints a network layer by layer. [`weights`] reads and
//! writes the tensors of a network in files, with PyTorch's names. `onnx` (a feature) writes whole networks for other programs. [`layer!`](layer) writes what layers of one's own
//! repeat, and [`init`] says where their weights begin.
//!
//! # Networks
//! Of images of 32 x 32 for CIFAR, and of 224 x 224 for ImageNet; parameters with 10 classes, or with 1000.
//!
//! | network | for | parameters | of |
//! |---|---|---|---|
//! | [`ResNet20`], [`ResNet32`], [`ResNet44`], [`ResNet56`] | CIFAR | 269,722; 464,154; 658,586; 853,018 | He et al. 2015 |
//! | [`WideResNet16x4`], [`WideResNet28x10`], [`WideResNet40x10`] | CIFAR | 2,748,890; 36,479,194; 55,841,754 | Zagoruyko & Komodakis 2016 |
//! | [`ShakeShake26x96`] | CIFAR | 26,192,922 | Gastaldi 2017 |
//! | [`PyramidNet110`], [`PyramidNet272`] | CIFAR | 28,485,477; 26,210,842 | Han et al. 2017, Yamada et al. 2018 |
//! | [`ResNet18`], [`ResNet34`] | ImageNet | 11,689,512; 21,797,672 | He et al. 2015 |
//! | [`ResNet50`], [`ResNet101`], [`ResNet152`] | ImageNet | 25,557,032; 44,549,160; 60,192,808 | He et al. 2015 |
//!
//! # Fine-tuning
//! Each residual network is there without its last layer, too, under a name that ends in `Body` ([`ResNet18Body`]): it
//! gives features, for a head of one's own. `weights::load_with` reads its weights, and leaves out the head in the
//! file. [`Frozen`] keeps a part as it is; [`freeze_batch_norm`] keeps running statistics as they are, while the rest
//! is trained. Learning rates by name are [`optim::Group`](crate::optim::Group)'s.
//!
//! # How images lie in memory
//! On the CPU, convolutions hand on images pixel by pixel (PyTorch's `channels_last`), where that is faster and there are
//! whole blocks of 16 channels: the strides of the tensor say so. The layers here take images in both orders, and to dfdx's
//! operations and to you (`array`, `as_vec`, indices) such a tensor is like any other. [`Flatten2D`] gives vectors
//! in the usual order.
//!
//! # The gradient of the input
//! Nobody needs the gradient of a batch of images, and the first layer would spend a third of its time on
//! it. So [`Linear`] and the convolutions leave it out if their input was traced with gradients that hold
//! those of parameters (`x.traced(model.alloc_grads())`), if nothing was computed on the way, and if `x`
//! is not among what these gradients are for. To get it, add it (`x.zero_grads(&mut grads)` before
//! tracing), or keep the gradients of everything (`x.leaky_traced()`).
//!
//! # Memory
//! A step on images takes and frees much of it; [`keep_freed_memory`](crate::device::keep_freed_memory)
//! at the start of a program has the C library keep it for the next step.

mod applied;
mod attention;
mod batch_norm;
mod bias2d;
mod cast;
mod computed;
mod conv1d;
mod conv2d;
mod conv2d_batch_norm;
mod conv_spec;
pub mod dims;
mod dropout;
mod embedding;
mod encoder;
mod flatten2d;
mod frozen;
mod group_norm;
mod gru;
pub mod init;
#[macro_use]
mod layer;
mod layer_norm;
mod linear;
pub mod loss;
mod network;
#[cfg(feature = "onnx")]
pub mod onnx;
mod pool2d;
mod positions;
pub mod prelude;
mod pyramid_net;
mod resnet;
mod sequence_pool;
mod shake;
mod shake_shake;
pub mod shape_bounds;
pub mod summary;
#[cfg(test)]
mod tests;
#[cfg(feature = "run")]
pub mod weights;
mod wide_resnet;

use dfdx::{nn::BuildOnDevice, tensor::Cpu};

pub use crate::layer;
pub use attention::builder::{MultiHeadAttention, OutProjection};
pub use batch_norm::{
    builder::{BatchNorm1D, BatchNorm2D, BatchNorm2DReLU},
    frozen::freeze_batch_norm,
};
pub use bias2d::builder::{Bias2D, Bias2DReLU};
pub use conv_spec::{ConvSizes, ConvSpec, Convolved};
pub use conv1d::builder::Conv1D;
pub use conv2d::builder::Conv2D;
pub use conv2d_batch_norm::builder::{Conv2DBatchNorm, Conv2DBatchNormReLU};
pub use dfdx::nn::modules::{Dropout, DropoutOneIn};
pub use dropout::DropoutPercent;
pub use embedding::builder::Embedding;
pub use encoder::builder::TransformerEncoderLayer;
pub use flatten2d::{Flatten2D, FlattenTo};
pub use frozen::Frozen;
pub use group_norm::builder::GroupNorm;
pub use gru::builder::GRU;
pub use layer_norm::builder::LayerNorm;
pub use linear::builder::{Linear, LinearReLU};
pub use loss::cross_entropy_with_logits_loss;
use network::network;
pub use pool2d::{AvgPool2D, GlobalAvgPool2D, MaxPool2D};
pub use positions::builder::Positions;
pub use pyramid_net::{PyramidNet, PyramidNet110, PyramidNet272};
pub use resnet::{
    BottleneckResNet, BottleneckResNetBody, CifarResNet, CifarResNetBody, ResNet, ResNet18,
    ResNet18Body, ResNet20, ResNet20Body, ResNet32, ResNet32Body, ResNet34, ResNet34Body, ResNet44,
    ResNet44Body, ResNet50, ResNet50Body, ResNet56, ResNet56Body, ResNet101, ResNet101Body,
    ResNet152, ResNet152Body, ResNetBody,
};
pub use sequence_pool::{SequenceLast, SequenceMean};
pub use shake::ShakeGradient;
pub use shake_shake::{ShakeShake, ShakeShake26x96};
pub use wide_resnet::{WideResNet, WideResNet16x4, WideResNet28x10, WideResNet40x10};

/// The network that `Net` describes, with its tensors: what a training loop holds.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Built};
///
/// type Mlp = (Linear<4, 8>, ReLU, Linear<8, 2>);
/// let net: Built<Mlp> = Cpu::default().build_module::<Mlp, f32>();
/// let net_of_f64: Built<Mlp, Cpu, f64> = Cpu::default().build_module::<Mlp, f64>();
/// ```
pub type Built<Net, D = Cpu, E = f32> = <Net as BuildOnDevice<D, E>>::Built;

pub mod modules {
    //! The layers with their tensors, as they are built from the types in [`nn`](super).

    pub use super::{
        attention::{MultiHeadAttention, OutProjection},
        batch_norm::{BatchNorm1D, BatchNorm2D, BatchNorm2DReLU},
        bias2d::{Bias2D, Bias2DReLU},
        computed::{ConvNorm, Free, Head, Kernel, Norm},
        conv1d::Conv1D,
        conv2d::Conv2D,
        conv2d_batch_norm::{Conv2DBatchNorm, Conv2DBatchNormReLU},
        dropout::DropoutPercent,
        embedding::Embedding,
        encoder::TransformerEncoderLayer,
        flatten2d::{Flatten2D, FlattenTo},
        frozen::Frozen,
        group_norm::GroupNorm,
        gru::GRU,
        layer_norm::LayerNorm,
        linear::{Linear, LinearReLU},
        pool2d::{AvgPool2D, GlobalAvgPool2D, MaxPool2D},
        positions::Positions,
        pyramid_net::module::*,
        resnet::module::*,
        sequence_pool::{SequenceLast, SequenceMean},
        shake_shake::module::*,
        wide_resnet::module::*,
    };
    pub use dfdx::nn::modules::{Dropout, DropoutOneIn};
}
