//! What a loader tells the run that follows it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{Collate, DataError, Dataset, Part, Plain, Transform, batch::HostBatch};
use super::{loader::DataLoader, plan::Plan};
use crate::position::Facts;

/// Samples that are looked at.
const LOOK: usize = 16;

/// What the batches of `loader` are; `plan` is one of its epochs. Reads the first samples twice.
pub(super) fn facts<Ds, const B: usize, T>(
    loader: &DataLoader<Ds, B, T>,
    plan: &Plan<Ds, T>,
) -> Facts
where
    Ds: Dataset<Item: Collate>,
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

/// Of all parts of the samples. What can't be read is met again where the loop reads it.
fn checksum<P: Part>(read: impl FnOnce() -> Result<HostBatch<P>, DataError>) -> Option<u32> {
    let batch = catch_unwind(AssertUnwindSafe(read)).ok()?.ok()?;
    let mut sum = crc32fast::Hasher::new();
    batch.digest(&mut |bytes| sum.update(bytes));
    Some(sum.finalize())
}
