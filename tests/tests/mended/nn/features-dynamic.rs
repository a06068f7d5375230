//! `features-dynamic`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Linear};

fn main() {
    let dev = Cpu::default();
    let linear = dev.build_module::<Linear<784, 10>, f32>();
    let x: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(4, 784));
    linear.forward(x.realize::<(usize, Const<784>)>());
}
