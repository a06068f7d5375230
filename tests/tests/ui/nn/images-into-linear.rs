//! A linear layer gets images.
//!
//! A linear layer takes batches of vectors, of the shape (batch, features). Which way an image
//! becomes a vector is for you to say.
//!
//! Mended: put `Flatten2D` before it, which keeps all pixels, or `GlobalAvgPool2D`, which takes the
//! mean of each channel.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, Linear},
};

type Net = (Conv2D<1, 4, 3, 1, 1>, ReLU, Linear<3136, 10>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
