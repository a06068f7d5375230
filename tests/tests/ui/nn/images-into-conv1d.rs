//! A convolution along one axis gets images.
//!
//! `Conv1D` takes batches of signals, of the shape (batch, channels, length).
//!
//! Mended: for images, take `Conv2D`.

use sam_runtime::{dfdx::prelude::*, nn::Conv1D};

type Net = (Conv1D<1, 4, 3>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<2, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
