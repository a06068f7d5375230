//! A layer for sequences gets vectors.
//!
//! Recurrent layers, attention and encoders take batches of sequences, of the shape (batch, length, features), as PyTorch's
//! do with `batch_first`.
//!
//! Mended: give it sequences.

use sam_runtime::{dfdx::prelude::*, nn::GRU};

type Net = (GRU<4, 8>, ReLU);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank2<16, 4>, f32, _> = dev.zeros();
    net.forward(x);
}
