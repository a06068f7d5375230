//! A window has no place on the image.
//!
//! A convolution or pool of size K must fit on the image with its padding. Each layer with a stride
//! above 1, and each one without padding, makes the image smaller: here its sides go from 28 to 24,
//! 12 and 3, and the last convolution takes 5.
//!
//! For the sides that it gives, a window is looked up in a table as well, so a window that is
//! unusual may be missing there.
//!
//! Mended: leave a pool out, or pad. A dynamic side, `usize`, takes each window, and is checked
//! when it runs.

use sam_runtime::{
    dfdx::prelude::*,
    nn::{Conv2D, MaxPool2D},
};

type Net = (Conv2D<1, 8, 5>, MaxPool2D<2, 2>, MaxPool2D<4, 4>, Conv2D<8, 16, 5>);

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank4<4, 1, 28, 28>, f32, _> = dev.zeros();
    net.forward(x);
}
