//! dfdx's convolutions are not there on stable Rust.
//!
//! Mended: `sam_runtime::nn` has them. `use sam_runtime::nn::prelude::*;` in the place of dfdx's prelude brings all of its layers at once.

use dfdx::prelude::*;

type Cnn = (Conv2D<1, 8, 3, 1, 1>, ReLU, Flatten2D, Linear<6272, 10>);

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let model = dev.build_module::<Cnn, f32>();
    let x: Tensor<Rank4<1, 1, 28, 28>, f32, Cpu> = dev.sample_normal();
    println!("{:?}", model.forward(x).array());
}
