//! A linear layer gets a dynamic number of features.
//!
//! The batch may be dynamic (`usize`), the number of features may not: the weights have a static
//! number of them, and the compiler compares the two.
//!
//! Mended: say the number with `realize`, which panics if it is another one; `try_realize` gives
//! the tensor back.

use sam_runtime::{dfdx::prelude::*, nn::Linear};

fn main() {
    let dev = Cpu::default();
    let linear = dev.build_module::<Linear<784, 10>, f32>();
    let x: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(4, 784));
    linear.forward(x);
}
