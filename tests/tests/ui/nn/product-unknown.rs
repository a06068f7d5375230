//! A product of sizes that is not in the table.
use sam_runtime::{dfdx::prelude::*, nn::Flatten2D};

fn main() {
    let dev = Cpu::default();
    let x: Tensor<Rank4<4, 7, 5, 3>, f32, _> = dev.zeros();
    Flatten2D.forward(x);
}
