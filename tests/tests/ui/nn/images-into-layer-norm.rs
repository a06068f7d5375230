//! A layer normalization gets images.
//!
//! `LayerNorm` normalizes over the features of vectors: of a batch, of sequences of them, or of several of those; they
//! come last.
//!
//! Mended: for images, take `GroupNorm`, of one group if all channels are to be normalized together.

use sam_runtime::{dfdx::prelude::*, nn::LayerNorm};

type Net = (LayerNorm<3>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank5<2, 4, 3, 8, 8>, f32, _> = dev.zeros();
    net.forward(x);
}
