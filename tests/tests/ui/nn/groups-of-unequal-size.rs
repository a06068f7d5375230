//! The channels don't make groups of equal size.
//!
//! `G` groups divide the input and the output channels, by a table: stable Rust can't divide in types.
//! In a tuple, or as `<Arch as BuildOnDevice<..>>::Built`, rustc only says that `BuildOnDevice` is not
//! satisfied, and names neither the groups nor this page: look for a layer with a last number above 1.
//!
//! Mended: take a number of channels that the groups divide.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    dev.build_module::<Conv2D<3, 8, 3, 1, 1, 1, 2>, f32>();
}
