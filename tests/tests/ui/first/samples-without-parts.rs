//! A sample of a type of one's own doesn't say which parts it has.
//!
//! Mended: `Collate` says it: which numbers, arrays and classes the sample is made of. `Part` is the trait of those alone.

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
    let houses = vec![
        House {
            area: 120.0,
            price: 3.1
        };
        8
    ];
    let loader = DataLoader::<_, 4>::new(InMemory::new(houses))?;
    for (_x, _y) in loader.epoch(&Cpu::default(), 0) {}
    Ok(())
}
