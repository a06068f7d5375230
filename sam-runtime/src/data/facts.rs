//! What a loader tells the run that follows it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{BatchShape, DataError, Dataset, Plain, Sample, Transform, batch::HostBatch};
use super::{loader::DataLoader, plan::Plan};
use crate::position::Facts;

/// Samples that are looked at.
const LOOK: usize = 16;

/// What the batches of `loader` are; `plan` is one of its epochs. Reads the first samples twice.
pub(super) fn facts<Ds, S, const CLASSES: usize, const B: usize, T>(
    loader: &DataLoader<Ds, B, T>,
    plan: &Plan<Ds, T>,
) -> Facts
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    T: Transform<Ds>,
{
    // Of all ranks, so that a run may go on with another number of them.
    let batch = B * loader.ranks();
    let mut order = loader.whole_order(0);
    order.truncate(LOOK.min(batch));
    let shown = Plan {
        dataset: Arc::clone(&plan.dataset),
        transform: Arc::clone(&plan.transform),
        order: order.clone(),
        size: batch,
        seed: plan.seed,
        epoch: 0,
        place: (0, 1),
    };
    let data = Plan {
        dataset: Arc::clone(&plan.dataset),
        transform: Arc::new(Plain),
        order,
        size: batch,
        seed: plan.seed,
        epoch: 0,
        place: (0, 1),
    };
    Facts {
        samples: plan.dataset.len(),
        batch_size: batch,
        seed: plan.seed,
        shuffled: loader.is_shuffled(),
        data: checksum(|| data.read(0)),
        shown: checksum(|| shown.read(0)),
    }
}

/// Of inputs and targets. What can't be read is met again where the loop reads it.
fn checksum(read: impl FnOnce() -> Result<HostBatch, DataError>) -> Option<u32> {
    let mut batch = catch_unwind(AssertUnwindSafe(read)).ok()?.ok()?;
    let (inputs, targets) = batch.rows_mut();
    let mut sum = crc32fast::Hasher::new();
    for x in inputs.iter().chain(targets.iter()) {
        sum.update(&x.to_le_bytes());
    }
    Some(sum.finalize())
}
