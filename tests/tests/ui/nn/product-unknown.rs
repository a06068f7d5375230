//! The number of features of a flattened image is not in the table.
//!
//! Stable Rust can't multiply numbers in types, so `Flatten2D` finds the products of channels,
//! height and width in a table, which has those of usual networks.
//!
//! Mended: say the product: `FlattenTo<105>` checks it when it runs.

use sam_runtime::{dfdx::prelude::*, nn::Flatten2D};

fn main() {
    let dev = Cpu::default();
    let x: Tensor<Rank4<4, 7, 5, 3>, f32, _> = dev.zeros();
    Flatten2D.forward(x);
}
