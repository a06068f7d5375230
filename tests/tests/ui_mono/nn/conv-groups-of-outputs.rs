//! 7 output channels don't make 2 groups of equal size.
//!
//! Entry: groups-of-unequal-size

use dfdx::prelude::*;
use sam_runtime::nn::Conv2D;

fn main() {
    let dev = Cpu::default();
    let conv = dev.build_module::<Conv2D<4, 7, 3, 1, 1, 1, 2>, f32>();
    let x: Tensor<Rank4<2, 4, 8, 8>, f32, _> = dev.zeros();
    conv.forward(x);
}
