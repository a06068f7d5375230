//! The attribute on something else.

use sam_runtime::sam_train;

#[sam_train(rho = 0.05)]
struct Trainer;

fn main() {}
