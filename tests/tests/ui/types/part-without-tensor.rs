//! A sample has a part that no tensor is made of.
//!
//! Parts are numbers, arrays of them, `Values`, `Class`, sequences (`Padded`, `Ragged`), and tuples of these.
//!
//! Mended: turn it into numbers: a name into a class, for example. A sample of a type of your own says which of these it is
//! made of, by `Collate`.

use sam_runtime::data::{Collate, DataError};

struct Flower(f32, String);

impl Collate for Flower {
    type Parts = (f32, String);

    fn parts(self) -> Result<Self::Parts, DataError> {
        Ok((self.0, self.1))
    }
}

fn main() {}
