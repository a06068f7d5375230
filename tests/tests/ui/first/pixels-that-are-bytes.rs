//! A sample holds bytes.
//!
//! Mended: make them numbers that a network computes with. For pictures in memory there is `Images`, which does.

use dfdx::prelude::*;
use sam_runtime::{
    data::{Class, InMemory},
    prelude::*,
};

fn main() -> Result<(), DataError> {
    let pixels = [[0_u8, 50, 100, 255]; 8];
    let samples = pixels.map(|pixels| (pixels, Class::<2>::new(0)));
    let samples = samples.into_iter().map(|(x, class)| Ok((x, class?)));
    let samples: Vec<_> = samples.collect::<Result<_, DataError>>()?;
    let loader = DataLoader::<_, 2>::new(InMemory::new(samples))?;
    println!("{}", loader.epoch(&Cpu::default(), 0).count());
    Ok(())
}
