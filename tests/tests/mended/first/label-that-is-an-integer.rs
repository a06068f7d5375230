//! `label-that-is-an-integer`, mended.

use dfdx::prelude::*;
use sam_runtime::{
    data::{Class, InMemory},
    prelude::*,
};

fn main() -> Result<(), DataError> {
    let samples = vec![
        ([0.1_f32, 0.2], Class::<2>::new(0)?),
        ([0.3, 0.4], Class::new(1)?),
    ];
    let loader = DataLoader::<_, 2>::new(InMemory::new(samples))?;
    for (_x, _y) in loader.epoch(&Cpu::default(), 0) {}
    Ok(())
}
