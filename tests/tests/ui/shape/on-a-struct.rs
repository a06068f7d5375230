//! The attribute on a type.
//!
//! Entry: not-a-function

use sam_runtime::sam_train;

#[sam_train(rho = 0.05)]
struct Trainer;

fn main() {}
