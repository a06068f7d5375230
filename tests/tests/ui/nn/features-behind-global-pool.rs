//! A classifier of another number of features than the last convolution has channels.
//!
//! Entry: features-differ

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, GlobalAvgPool2D, Linear},
};

type Net = (Conv2D<3, 8, 3, 1, 1>, ReLU, GlobalAvgPool2D, Linear<16, 10>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x);
}
