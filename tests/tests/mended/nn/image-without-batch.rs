//! `image-without-batch`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

type Net = (Conv2D<3, 8, 3, 1, 1>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank3<3, 32, 32>, f32, _> = dev.zeros();
    net.forward(x.reshape::<Rank4<1, 3, 32, 32>>());
}
