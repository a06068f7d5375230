//! `part-without-tensor`, mended.

use sam_runtime::data::{Class, Collate, DataError};

struct Flower(f32, String);

impl Collate for Flower {
    type Parts = (f32, Class<2>);

    fn parts(self) -> Result<Self::Parts, DataError> {
        Ok((self.0, Class::new(usize::from(self.1 == "rose"))?))
    }
}

fn main() {}
