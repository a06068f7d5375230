//! `channels-dynamic`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    let conv = dev.build_module::<Conv2D<3, 8, 3, 1, 1>, f32>();
    let x: Tensor<(usize, usize, usize, usize), f32, _> = dev.zeros_like(&(4, 3, 32, 32));
    conv.forward(x.realize::<(usize, Const<3>, usize, usize)>());
}
