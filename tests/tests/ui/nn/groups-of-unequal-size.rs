//! Input channels that don't make groups of equal size.
use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    dev.build_module::<Conv2D<3, 8, 3, 1, 1, 1, 2>, f32>();
}
