//! `groups-of-unequal-size`, mended.

use sam_runtime::{dfdx::prelude::*, nn::Conv2D};

fn main() {
    let dev = Cpu::default();
    dev.build_module::<Conv2D<4, 8, 3, 1, 1, 1, 2>, f32>();
}
