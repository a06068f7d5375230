//! `images-into-conv1d`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

type Net = (Conv2D<1, 4, 3>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<2, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
