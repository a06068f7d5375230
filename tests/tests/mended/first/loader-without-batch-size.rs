//! `loader-without-batch-size`, mended.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    println!("{}", loader.epoch(&Cpu::default(), 0).len());
    Ok(())
}
