//! `samples-without-parts`, mended.

use sam_runtime::{
    data::{Collate, DataError, DataLoader, InMemory},
    dfdx::prelude::*,
};

#[derive(Clone)]
struct House {
    area: f32,
    price: f32,
}

impl Collate for House {
    type Parts = ([f32; 1], [f32; 1]);

    fn parts(self) -> Result<Self::Parts, DataError> {
        Ok(([self.area / 100.0], [self.price]))
    }
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
