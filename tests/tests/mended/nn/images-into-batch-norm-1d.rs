//! `images-into-batch-norm-1d`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{BatchNorm2D, Conv2D},
};

type Net = (Conv2D<3, 8, 3, 1, 1>, BatchNorm2D<8>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x);
}
