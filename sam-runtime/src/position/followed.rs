//! What a run learns of the loader that its loop takes batches from: which ones the loop got, and what they
//! are.
//!
//! The loop hands neither to the run. So the run says before an epoch what it waits for, and the next
//! iterator over just that, on the same thread, tells it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::Position;

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

    /// Whoever waits for the next epoch of this thread, if that one begins at `from` and is `batches` long, with
    /// the facts if it asked for them.
    pub(crate) fn awaited(
        from: Position,
        batches: usize,
        facts: impl FnOnce() -> Facts,
    ) -> Option<Self> {
        let is_this = |awaited: &mut Awaited| (awaited.from, awaited.batches) == (from, batches);
        let awaited = AWAITED.with_borrow_mut(|awaited| awaited.take_if(is_this))?;
        if awaited.facts {
            let facts = facts();
            awaited.followed.state().facts = Some(facts);
        }
        Some(awaited.followed)
    }

    /// Notes that the loop got this batch.
    pub(crate) fn got(&self, batch: usize) {
        self.state().got.push_back(batch);
    }

    /// The first batch that the loop got and that was not asked for yet.
    pub(crate) fn next(&self) -> Option<usize> {
        self.state().got.pop_front()
    }

    /// Whether the loop got batches that were not asked for yet.
    pub(crate) fn has_more(&self) -> bool {
        !self.state().got.is_empty()
    }

    /// What the batches are, once.
    pub(crate) fn facts(&self) -> Option<Facts> {
        self.state().facts.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
