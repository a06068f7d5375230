//! A layer takes another number of channels than it gets.
//!
//! A layer's weights are made for one number of channels. It must be the one that the layer before
//! gives; `ReLU`, pools and batch normalization leave it as it is.
//!
//! Mended: give the layer the channels of the one before.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

type Net = (Conv2D<3, 8, 3, 1, 1>, ReLU, Conv2D<16, 32, 3, 1, 1>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x);
}
