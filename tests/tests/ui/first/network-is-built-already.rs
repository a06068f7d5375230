//! `build_module` is told the type of a network that has its tensors.
//!
//! Mended: it takes the description, and gives `Built` of it.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);
type Net = Built<Mlp>;

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let model: Net = dev.build_module::<Net, f32>();
    let x: Tensor<Rank1<784>, f32, Cpu> = dev.sample_normal();
    println!("{:?}", model.forward(x).array());
}
