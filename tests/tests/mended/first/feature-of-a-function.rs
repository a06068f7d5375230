//! `feature-of-a-function`, mended.

use sam_runtime::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Mnist::train("data/mnist")?;
    println!("{}", digits.len());
    Ok(())
}
