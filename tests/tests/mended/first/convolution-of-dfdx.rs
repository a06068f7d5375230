//! `convolution-of-dfdx`, mended.

use dfdx::prelude::*;
use sam_runtime::nn::{Conv2D, Flatten2D};

type Cnn = (Conv2D<1, 8, 3, 1, 1>, ReLU, Flatten2D, Linear<6272, 10>);

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let model = dev.build_module::<Cnn, f32>();
    let x: Tensor<Rank4<1, 1, 28, 28>, f32, Cpu> = dev.sample_normal();
    println!("{:?}", model.forward(x).array());
}
