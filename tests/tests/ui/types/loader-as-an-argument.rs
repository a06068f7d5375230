//! A loader is given to a function that takes batches.
//!
//! Entry: loader-without-epoch

use sam_runtime::{analysis::accuracy, dfdx::prelude::*, prelude::*};

fn main() -> Result<(), DataError> {
    let loader = DataLoader::<_, 32>::new(Glyphs::train(64, 0))?;
    let model = Cpu::default().build_module::<Linear<784, 10>, f32>();
    println!("{}", accuracy(&model, loader));
    Ok(())
}
