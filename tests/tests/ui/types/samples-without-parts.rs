//! A loader whose samples it can't make batches of.
//!
//! A batch is made of numbers: a sample says which of them are its input and its target.
//!
//! Mended: implement `Collate` for a type of your own, or have the data set give tuples.

use sam_runtime::data::{DataLoader, InMemory};

#[derive(Clone)]
struct House {
    area: f32,
    price: f32,
}

fn main() {
    let houses = vec![House { area: 120.0, price: 3.1 }; 8];
    let _ = DataLoader::<_, 4>::new(InMemory::new(houses));
}
