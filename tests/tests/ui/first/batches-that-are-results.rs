//! The batches of `try_epoch` are taken for batches.
//!
//! Mended: each of them is a `Result`. `let (x, y) = batch?;` takes the batch out; `epoch` gives batches, and panics where one can't be read.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    for (x, _y) in loader.try_epoch(&Cpu::default(), 0) {
        println!("{:?}", x.shape());
    }
    Ok(())
}
