//! What the programs of the shapes use: a network in `f64`, so that a step can be computed by hand.

#![allow(unused_imports, dead_code, reason = "each shape uses a part")]

pub(crate) use dfdx::{optim::*, prelude::*, tensor::Gradients};

pub(crate) type Net = (
    modules::Linear<4, 8, f64, Cpu>,
    ReLU,
    modules::Linear<8, 3, f64, Cpu>,
);
pub(crate) type Opt = Sgd<Net, f64, Cpu>;
pub(crate) type X = Tensor<Rank2<8, 4>, f64, Cpu>;
pub(crate) type Y = Tensor<Rank2<8, 3>, f64, Cpu>;
pub(crate) type Traced = Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>;
pub(crate) type Logits = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>;
pub(crate) type Loss = Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;
