//! `product-unknown`, mended.

use sam_runtime::{dfdx::prelude::*, nn::FlattenTo};

fn main() {
    let dev = Cpu::default();
    let x: Tensor<Rank4<4, 7, 5, 3>, f32, _> = dev.zeros();
    FlattenTo::<105>.forward(x);
}
