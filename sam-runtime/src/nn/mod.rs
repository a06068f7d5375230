//! Statically shaped layers that stable dfdx lacks or has in slow, and networks made of them.
//!
//! They are used as dfdx's own: a type describes the network, `dev.build_module::<Net, f32>()` makes it,
//! and it goes into tuples, `Residual`, `GeneralizedResidual`, `Repeated`. Where a name is also one of
//! dfdx's, name it: `use sam_runtime::nn::{BatchNorm2D, Linear};` comes before dfdx's prelude.
//!
//! ```
//! use sam_runtime::{dfdx::prelude::*, nn::{Conv2DBatchNormReLU, Flatten2D, Linear, MaxPool2D}};
//!
//! type Net = (
//!     (Conv2DBatchNormReLU<1, 16, 3, 1, 1>, MaxPool2D<2, 2>),
//!     (Conv2DBatchNormReLU<16, 32, 3, 1, 1>, MaxPool2D<2, 2>),
//!     (Flatten2D, Linear<1568, 10>),
//! );
//! let dev = Cpu::default();
//! let net = dev.build_module::<Net, f32>();
//! let x: Tensor<Rank4<8, 1, 28, 28>, f32, _> = dev.sample_normal();
//! let logits: Tensor<Rank2<8, 10>, f32, _> = net.forward(x);
//! ```
//!
//! | layers | |
//! |---|---|
//! | [`Conv2D`], [`Conv2DBatchNorm`], [`Conv2DBatchNormReLU`] | convolution |
//! | [`BatchNorm1D`], [`BatchNorm2D`], [`BatchNorm2DReLU`] | batch normalization |
//! | [`Linear`], [`LinearReLU`], [`Bias2D`], [`Bias2DReLU`] | |
//! | [`MaxPool2D`], [`AvgPool2D`], [`GlobalAvgPool2D`], [`Flatten2D`] | |
//! | [`Dropout`] | dfdx's: the same mask in both passes of a SAM step |
//!
//! # Shapes
//! Batches and sides are static or dynamic (`usize`), channels and features static. [`dims`] has the
//! arithmetic on static sides. Layers that do not fit each other do not compile, and the message says
//! which layer takes what, and what it is given.
//!
//! # The gradient of the input
//! Nobody needs the gradient of a batch of images, and the first layer would spend a third of its time
//! on it. So [`Linear`] and the convolutions leave it out if their input was traced with gradients that
//! already hold those of parameters (`x.traced(model.alloc_grads())`), nothing was computed on the way,
//! and none was allocated for `x` itself. To get it all the same, ask for it before: with
//! `grads.try_alloc_for(&x)`, or by tracing with `leaky_traced()`.

mod bias;
mod conv;
pub mod dims;
mod fused;
mod init;
mod linear;
mod network;
mod norm;
mod pool;
mod resnet;
mod shape;
pub mod weights;
mod wide_resnet;

/// What the layers become on a device.
pub mod modules {
    pub use super::{
        bias::module::*, conv::module::*, fused::module::*, linear::module::*, norm::module::*,
        resnet::module::*, wide_resnet::module::*,
    };
}

pub use bias::{Bias2D, Bias2DReLU};
pub use conv::Conv2D;
pub use dfdx::nn::builders::Dropout;
pub use fused::{Conv2DBatchNorm, Conv2DBatchNormReLU};
pub use linear::{Linear, LinearReLU};
use network::network;
pub use norm::{BatchNorm1D, BatchNorm2D, BatchNorm2DReLU};
pub use pool::{AvgPool2D, Flatten2D, GlobalAvgPool2D, MaxPool2D};
pub use resnet::{CifarResNet, ResNet, ResNet18, ResNet20, ResNet32, ResNet34, ResNet44, ResNet56};
pub use shape::{ImagesFor, RowsFor};
pub use wide_resnet::{WideResNet, WideResNet16x4, WideResNet28x10, WideResNet40x10};
