//! `loader-with-iter`, mended.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    let dev = Cpu::default();
    for (x, _y) in loader.epoch(&dev, 0) {
        println!("{:?}", x.shape());
    }
    drop(dev);
    Ok(())
}
