//! What a run learns of the loader that its loop takes batches from: which ones the loop got, and what they
//! are.
//!
//! The loop hands neither to the run. So the run says before an epoch what it waits for, and the next
//! iterator over just that, on the same thread, tells it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{BatchShape, DataError, Dataset, Plain, Position, Sample, Transform, batch::HostBatch};
use super::{loader::DataLoader, plan::Plan};

/// An epoch of a loader, followed by a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The whole batches that the loop got and the run has not counted yet.
    got: VecDeque<usize>,
    facts: Option<Facts>,
}

/// What the batches of a loader are, as far as it shows at the first ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// Samples of the data set.
    pub(crate) samples: usize,
    /// Samples of a batch.
    pub(crate) batch_size: usize,
    /// The seed of the loader.
    pub(crate) seed: u64,
    /// Whether epochs are shuffled.
    pub(crate) shuffled: bool,
    /// A checksum of the first samples of epoch 0, as the data set has them; `None` if one can't be read.
    pub(crate) data: Option<u32>,
    /// And as the epoch shows them.
    pub(crate) shown: Option<u32>,
}

/// What a run waits for.
struct Awaited {
    from: Position,
    batches: usize,
    /// Whether the facts are asked for.
    facts: bool,
    followed: Followed,
}

thread_local! {
    static AWAITED: RefCell<Option<Awaited>> = const { RefCell::new(None) };
}

impl Followed {
    /// Waits for the next iterator of this thread over an epoch of `batches` batches from `from` on.
    pub(crate) fn wait(from: Position, batches: usize, facts: bool) -> Self {
        let followed = Self::default();
        AWAITED.set(Some(Awaited {
            from,
            batches,
            facts,
            followed: followed.clone(),
        }));
        followed
    }

    /// Waits no longer: what begins now is another's.
    pub(crate) fn stop_waiting() {
        AWAITED.set(None);
    }

    /// Whoever waits for the epoch of `plan` from `from` on, with what it asked for.
    pub(super) fn by<Ds, S, const CLASSES: usize, const B: usize, T>(
        loader: &DataLoader<Ds, B, T>,
        from: Position,
        plan: &Plan<Ds, T>,
    ) -> Option<Self>
    where
        Ds: Dataset<Item = Sample<S, CLASSES>>,
        S: BatchShape,
        T: Transform<Ds>,
    {
        let is_this = |awaited: &mut Awaited| (awaited.from, awaited.batches) == (from, plan.len());
        let awaited = AWAITED.with_borrow_mut(|awaited| awaited.take_if(is_this))?;
        if awaited.facts {
            let facts = facts(loader, plan);
            awaited.followed.state().facts = Some(facts);
        }
        Some(awaited.followed)
    }

    /// Notes that the loop got this batch.
    pub(super) fn got(&self, batch: usize) {
        self.state().got.push_back(batch);
    }

    /// The first batch that the loop got and that was not asked for yet.
    pub(crate) fn next(&self) -> Option<usize> {
        self.state().got.pop_front()
    }

    /// What the batches are, once.
    pub(crate) fn facts(&self) -> Option<Facts> {
        self.state().facts.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples that are looked at.
const LOOK: usize = 16;

/// Reads the first samples twice.
fn facts<Ds, S, const CLASSES: usize, const B: usize, T>(
    loader: &DataLoader<Ds, B, T>,
    plan: &Plan<Ds, T>,
) -> Facts
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    T: Transform<Ds>,
{
    let mut order = loader.order(0);
    order.truncate(LOOK.min(B));
    let shown = Plan {
        dataset: Arc::clone(&plan.dataset),
        transform: Arc::clone(&plan.transform),
        order: order.clone(),
        size: B,
        seed: plan.seed,
        epoch: 0,
    };
    let data = Plan {
        dataset: Arc::clone(&plan.dataset),
        transform: Arc::new(Plain),
        order,
        size: B,
        seed: plan.seed,
        epoch: 0,
    };
    Facts {
        samples: plan.dataset.len(),
        batch_size: B,
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
