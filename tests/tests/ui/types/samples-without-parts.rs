//! A loader whose samples it can't make batches of.
//!
//! Entry: part-without-tensor

use sam_runtime::{
    data::{DataError, DataLoader, InMemory},
    dfdx::prelude::*,
};

#[derive(Clone)]
struct House {
    area: f32,
    price: f32,
}

fn main() -> Result<(), DataError> {
    let houses = vec![House { area: 120.0, price: 3.1 }; 8];
    let loader = DataLoader::<_, 4>::new(InMemory::new(houses))?;
    for (_x, _y) in loader.epoch(&Cpu::default(), 0) {}
    Ok(())
}
