//! `metric-of-labels`, mended.

use dfdx::prelude::*;
use sam_runtime::analysis::metrics::ConfusionMatrix;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dev = Cpu::seed_from_u64(0);
    let logits: Tensor<Rank2<4, 3>, f32, Cpu> = dev.sample_normal();
    let labels = [0_usize, 2, 1, 1];
    let mut confusion = ConfusionMatrix::new(3);
    let largest = |row: [f32; 3]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    confusion.add_classes(&logits.array().map(largest), &labels)?;
    println!("{confusion}");
    Ok(())
}
