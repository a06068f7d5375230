//! `feature-of-a-type`, mended.

use dfdx::prelude::*;
use sam_runtime::data::Images;
use sam_runtime::prelude::*;

fn main() -> Result<(), DataError> {
    let pictures = Images::<Rank3<3, 64, 64>, 5>::new(vec![0; 12_288], vec![0])?;
    println!("{}", pictures.len());
    Ok(())
}
