//! `window-larger-than-image`, mended.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, MaxPool2D},
};

type Net = (Conv2D<1, 8, 5>, MaxPool2D<2, 2>, Conv2D<8, 16, 5>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
