//! `build_module` is told the network alone.
//!
//! Mended: it takes a second type, that of the numbers.

use dfdx::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let model = dev.build_module::<Mlp>();
    let x: Tensor<Rank1<784>, f32, Cpu> = dev.sample_normal();
    println!("{:?}", model.forward(x).array());
}
