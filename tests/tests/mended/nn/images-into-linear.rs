//! `images-into-linear`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, Flatten2D, Linear},
};

type Net = (Conv2D<1, 4, 3, 1, 1>, ReLU, Flatten2D, Linear<3136, 10>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
