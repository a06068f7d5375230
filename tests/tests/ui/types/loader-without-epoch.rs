//! A loader is used as an iterator.
//!
//! It has no batches of its own, but those of an epoch: which samples are in them, in which order, and what augmentation makes
//! of them follows from the epoch's number.
//!
//! Mended: name the epoch. To evaluate, `chunks` gives every sample once, in order.

use sam_runtime::{dfdx::prelude::*, prelude::*};

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    let dev = Cpu::default();
    for (x, _y) in &loader {
        println!("{:?}", x.shape());
    }
    drop(dev);
    Ok(())
}
