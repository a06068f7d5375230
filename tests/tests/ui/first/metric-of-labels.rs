//! A metric gets the numbers of the classes, and takes one-hot rows.
//!
//! Mended: `add` takes logits and targets as the loss does; `add_classes` takes numbers of classes, predicted ones too.

use dfdx::prelude::*;
use sam_runtime::analysis::metrics::ConfusionMatrix;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dev = Cpu::seed_from_u64(0);
    let logits: Tensor<Rank2<4, 3>, f32, Cpu> = dev.sample_normal();
    let labels = [0_usize, 2, 1, 1];
    let mut confusion = ConfusionMatrix::new(3);
    confusion.add(&logits, &labels)?;
    println!("{confusion}");
    Ok(())
}
