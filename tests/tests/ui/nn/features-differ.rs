//! A linear layer takes another number of features than it gets.
//!
//! The number of features of a flattened image is that of its channels times its height times its
//! width, after all convolutions and pools: here 16 * 14 * 14. The message says it.
//!
//! Mended: give the layer the number that the message found.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, Flatten2D, Linear, MaxPool2D},
};

type Net = (Conv2D<1, 16, 3, 1, 1>, MaxPool2D<2, 2>, Flatten2D, Linear<784, 10>);

fn main() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward_mut(x.leaky_trace());
}
