//! `images-into-layer-norm`, mended.

use sam_runtime::{dfdx::prelude::*, nn::GroupNorm};

type Net = (GroupNorm<1, 3>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<8, 3, 8, 8>, f32, _> = dev.zeros();
    net.forward(x);
}
