//! A layer of static channels gets a dynamic number of them.
//!
//! The batch and the sides of an image may be dynamic (`usize`), channels may not: the weights have
//! a static number of them, and the compiler compares the two.
//!
//! Mended: say the number with `realize`, which panics if it is another one; `try_realize` gives
//! the tensor back.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    let conv = dev.build_module::<Conv2D<3, 8, 3, 1, 1>, f32>();
    let x: Tensor<(usize, usize, usize, usize), f32, _> = dev.zeros_like(&(4, 3, 32, 32));
    conv.forward(x);
}
