//! A function belongs to a feature of the crate that is not on.
//!
//! Mended: `download` takes the feature of that name: `features = ["download"]` in `Cargo.toml`. (This program does without: the files are there.)

use sam_runtime::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Mnist::download("data/mnist")?;
    let digits = Mnist::train("data/mnist")?;
    println!("{}", digits.len());
    Ok(())
}
