//! `channels-differ`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

type Net = (Conv2D<3, 8, 3, 1, 1>, ReLU, Conv2D<8, 32, 3, 1, 1>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x);
}
