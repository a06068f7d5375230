//! A loader is asked for its batches by a function of another library.
//!
//! Mended: `epoch` gives the batches of one epoch, `chunks` the whole data set once and in order.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    let dev = Cpu::default();
    for (x, _y) in loader.iter() {
        println!("{:?}", x.shape());
    }
    drop(dev);
    Ok(())
}
