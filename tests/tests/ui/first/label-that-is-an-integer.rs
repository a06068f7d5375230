//! A label is an `i32`.
//!
//! Mended: a label is a `Class`, which says how many classes there are, and becomes a one-hot row.

use dfdx::prelude::*;
use sam_runtime::{data::InMemory, prelude::*};

fn main() -> Result<(), DataError> {
    let samples = vec![([0.1_f32, 0.2], 0_i32), ([0.3, 0.4], 1)];
    let loader = DataLoader::<_, 2>::new(InMemory::new(samples))?;
    for (_x, _y) in loader.epoch(&Cpu::default(), 0) {}
    Ok(())
}
