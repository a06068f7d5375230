//! `forward` of batch normalization gets an input with a tape.
//!
//! `forward` evaluates: it normalizes by the running statistics. Training on these is a mistake
//! that does not show in the loss for a long time.
//!
//! Mended: train with `forward_mut`, or evaluate without a tape.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2DBatchNormReLU, GlobalAvgPool2D},
};

type Net = (Conv2DBatchNormReLU<3, 8, 3, 1, 1>, GlobalAvgPool2D);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x.leaky_trace());
}
