//! Several ranks that train one model: what a step must know of the others.

use std::{
    cell::RefCell,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use dfdx::tensor::UniqueId;

use super::{Clip, StepError, error::Pass, nonfinite};

/// The ranks that train a model, as a step meets them.
pub(crate) trait Ranks: Send + Sync {
    /// Which one this is.
    fn rank(&self) -> usize;

    /// What each of them says, in their order.
    fn gather(&self, said: [u8; SAID]) -> Result<Vec<[u8; SAID]>, String>;

    /// Waits for what a device is to do with the others, where it is on one: an error where it would wait for ever.
    fn settle(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Bytes of what a rank says of its step: a pass, and a norm.
pub(crate) const SAID: usize = 9;

/// A model's ranks, and what its steps leave to its update.
#[derive(Clone)]
pub(crate) struct Together {
    ranks: Arc<dyn Ranks>,
    clip: Arc<Mutex<Clip>>,
}

impl Together {
    pub(super) fn rank(&self) -> usize {
        self.ranks.rank()
    }

    /// What one rank has found holds for all: the first gradient that is not finite, in the order of the ranks.
    pub(super) fn agree(&self, found: Option<&StepError>) -> Result<Option<StepError>, StepError> {
        let all = self.ranks.gather(said(found)).map_err(StepError::Ranks)?;
        Ok(all.into_iter().find_map(heard))
    }

    /// Before this rank waits for its device.
    pub(super) fn settle(&self) -> Result<(), StepError> {
        self.ranks.settle().map_err(StepError::Ranks)
    }

    /// Leaves the bounds to the update: they are for the sum over the ranks.
    pub(super) fn leave(&self, clip: Clip) {
        *self.clip.lock().unwrap_or_else(PoisonError::into_inner) = clip;
    }

    /// The bounds that the last step has left.
    pub(crate) fn take_clip(&self) -> Clip {
        let mut clip = self.clip.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut *clip, Clip::NONE)
    }
}

fn said(found: Option<&StepError>) -> [u8; SAID] {
    let mut said = [0; SAID];
    if let Some(StepError::NonFinite { pass, norm }) = found {
        said[0] = nonfinite::code(*pass) as u8;
        said[1..].copy_from_slice(&norm.to_le_bytes());
    }
    said
}

fn heard(said: [u8; SAID]) -> Option<StepError> {
    let [code, norm @ ..] = said;
    let norm = f64::from_le_bytes(norm);
    let pass: Pass = nonfinite::pass_of(code.into())?;
    Some(StepError::NonFinite { pass, norm })
}

thread_local! {
    /// By the ids of the parameters.
    static RANKS: RefCell<Vec<(Vec<UniqueId>, Together)>> = const { RefCell::new(Vec::new()) };
}

/// Models that are kept; one more takes the place of the one that was named longest ago.
const KEPT: usize = 64;

/// From now on the steps of the model with these parameters are those of one of several ranks: their chunks follow those of
/// the ranks before it, and draw their random numbers as such.
pub(crate) fn set_ranks(ids: Vec<UniqueId>, ranks: impl Ranks + 'static) {
    let together = Together {
        ranks: Arc::new(ranks),
        clip: Arc::new(Mutex::new(Clip::NONE)),
    };
    RANKS.with_borrow_mut(|all| {
        all.retain(|(other, _)| *other != ids);
        all.insert(0, (ids, together));
        all.truncate(KEPT);
    });
}

/// The ranks that train this model; `None` where nothing was said.
pub(crate) fn ranks_of(ids: &[UniqueId]) -> Option<Together> {
    RANKS.with_borrow(|all| {
        let found = all.iter().find(|(other, _)| other == ids);
        found.map(|(_, together)| together.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        for pass in [Pass::Clean, Pass::Perturbed] {
            let norm = f64::INFINITY;
            let error = StepError::NonFinite { pass, norm };
            assert_eq!(heard(said(Some(&error))), Some(error));
        }
        assert_eq!(heard(said(None)), None);
    }
}
