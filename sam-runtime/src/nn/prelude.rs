//! dfdx's prelude, with this crate's layers where both have one of a name: to be used in the place of dfdx's.
//!
//! ```
//! use sam_runtime::{nn::prelude::*, prelude::*};
//!
//! type Net = (Conv2D<1, 8, 3, 1, 1>, ReLU, Flatten2D, Linear<6272, 10>); // all of `nn`, but for `ReLU`
//! let dev = Cpu::default();
//! let net: Built<Net> = dev.build_module::<Net, f32>();
//! let x: Tensor<Rank4<2, 1, 28, 28>, f32, _> = dev.sample_normal();
//! let y: Tensor<Rank2<2, 10>, f32, _> = net.forward(x);
//! # drop(y);
//! ```
//!
//! To import dfdx's prelude beside it, or `nn::*` beside dfdx's prelude, leaves it to the compiler which `Linear` is meant: it
//! takes dfdx's, and warns of `ambiguous_glob_imports`.

pub use dfdx::prelude::*;

pub use super::{
    AvgPool2D, BatchNorm1D, BatchNorm2D, BatchNorm2DReLU, Bias2D, Bias2DReLU, Built, Conv1D,
    Conv2D, Conv2DBatchNorm, Conv2DBatchNormReLU, DropoutPercent, Embedding, Flatten2D, FlattenTo,
    Frozen, GRU, GlobalAvgPool2D, GroupNorm, LayerNorm, Linear, LinearReLU, MaxPool2D,
    MultiHeadAttention, Positions, SequenceLast, SequenceMean, TransformerEncoderLayer,
};
