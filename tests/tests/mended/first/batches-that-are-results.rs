//! `batches-that-are-results`, mended.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    for batch in loader.try_epoch(&Cpu::default(), 0) {
        let (x, _y) = batch?;
        println!("{:?}", x.shape());
    }
    Ok(())
}
