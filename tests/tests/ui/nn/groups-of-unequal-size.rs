//! The channels don't make groups of equal size.
//!
//! A convolution of `G` groups divides its input channels and its output channels into as many
//! groups, each of which is convolved on its own. Which numbers of channels make which groups is in
//! a table, for stable Rust can't divide numbers in types.
//!
//! Mended: take a number of channels that the groups divide.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    dev.build_module::<Conv2D<3, 8, 3, 1, 1, 1, 2>, f32>();
}
