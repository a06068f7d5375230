//! `samples-without-parts`, mended.

use sam_runtime::data::{Collate, DataError, DataLoader, InMemory};

#[derive(Clone)]
struct House {
    area: f32,
    price: f32,
}

impl Collate for House {
    type Parts = ([f32; 1], [f32; 1]);

    fn parts(self) -> Result<Self::Parts, DataError> {
        Ok(([self.area], [self.price]))
    }
}

fn main() {
    let house = House {
        area: 120.0,
        price: 3.1,
    };
    let _ = DataLoader::<_, 4>::new(InMemory::new(vec![house; 8]));
}
