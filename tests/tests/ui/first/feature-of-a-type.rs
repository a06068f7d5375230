//! A type belongs to a feature of the crate that is not on.
//!
//! Mended: turn it on in `Cargo.toml`: `features = ["image"]` beside the crate's path. The quickstart lists the features. (This program does without: its pictures are in memory.)

use dfdx::prelude::*;
use sam_runtime::data::ImageFolder;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let pictures = ImageFolder::<Rank3<3, 64, 64>, 5>::open("pictures")?;
    println!("{}", pictures.len());
    Ok(())
}
