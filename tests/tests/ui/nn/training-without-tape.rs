//! `forward_mut` of batch normalization gets an input without a tape.
//!
//! `forward_mut` trains: it normalizes by the statistics of the batch, and moves the running ones.
//! Without a tape there is no gradient, so most likely `forward` was meant, which evaluates.
//!
//! Mended: trace the input, or call `forward`.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{BatchNorm2D, Conv2D},
};

type Net = (Conv2D<3, 8, 3, 1, 1>, BatchNorm2D<8>);

fn main() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 3, 32, 32>, f32, _> = dev.zeros();
    net.forward_mut(x);
}
