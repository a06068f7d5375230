//! The attribute on the whole `impl`.

use sam_runtime::sam_train;

struct Trainer;

#[sam_train(rho = 0.05)]
impl Trainer {
    fn train(&mut self) {}
}

fn main() {}
