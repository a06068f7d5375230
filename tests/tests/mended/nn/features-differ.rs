//! `features-differ`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, Flatten2D, Linear, MaxPool2D},
};

type Net = (
    Conv2D<1, 16, 3, 1, 1>,
    MaxPool2D<2, 2>,
    Flatten2D,
    Linear<3136, 10>,
);

fn main() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward_mut(x.leaky_trace());
}
