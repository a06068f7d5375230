//! `vectors-into-sequence-layer`, mended.

use sam_runtime::{dfdx::prelude::*, nn::GRU};

type Net = (GRU<4, 8>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank3<16, 5, 4>, f32, _> = dev.zeros();
    net.forward(x);
}
