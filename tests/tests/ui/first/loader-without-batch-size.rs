//! Nothing says how large the batches are.
//!
//! Mended: it is the loader's second parameter: `DataLoader::<_, 32>::new(..)`, or the type of a function that takes the loader.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::new(Glyphs::train(64, 0))?;
    println!("{}", loader.epoch(&Cpu::default(), 0).len());
    Ok(())
}
