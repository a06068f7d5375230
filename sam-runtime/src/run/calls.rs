//! Which of its calls the loop has made in this epoch, so that one that it forgets is an error that names it.
//!
//! Nobody but the loop knows what it means to do. So only that is refused which no loop can mean: an epoch that was trained on
//! without a step, one that begins again where nothing was done, and one that ends without having begun.

use std::cell::Cell;

use super::{Run, RunError, stop::Stop};
use crate::position::Position;

/// What the loop has done since it took the epoch.
#[derive(Default)]
pub(super) struct Calls {
    /// Where the loop took the epoch; `None` where it is in none.
    pub(super) begun: Option<Position>,
    /// Losses that the run saw.
    pub(super) losses: u64,
    /// Batches that were counted: by a step, or passed over.
    pub(super) counted: u64,
    /// How often the loop asked for the learning rate or rho of a step.
    pub(super) asked: Cell<u64>,
    /// Whether the loop asked, since the last step, which model to evaluate.
    pub(super) is_evaluated: Cell<bool>,
}

impl Calls {
    /// Those of an epoch that the loop takes at `position`.
    pub(super) fn begin(position: Position) -> Self {
        Self {
            begun: Some(position),
            ..Self::default()
        }
    }
}

/// More than a loop asks for the learning rate and rho to show them.
const FEW: u64 = 6;

/// A call that a loop can forget, with what to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// [`Run::next_epoch`](super::Run::next_epoch)
    NextEpoch,
    /// [`Run::step`](super::Run::step)
    Step,
    /// [`Run::end_epoch`](super::Run::end_epoch)
    EndEpoch,
}

impl Call {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextEpoch => "run.next_epoch",
            Self::Step => "run.step",
            Self::EndEpoch => "run.end_epoch",
        }
    }

    /// Where it belongs.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NextEpoch => {
                "take each epoch by `while let Some(from) = run.next_epoch(loader.len())`, and its batches by \
                 `loader.try_epoch(&dev, from)`"
            }
            Self::Step => {
                "after each `opt.update`, write `if !run.step(model, opt)? { break; }`, and for a batch that no \
                 step is made of, `run.passed_over()`"
            }
            Self::EndEpoch => {
                "write `run.end_epoch(model, opt, &[])?` after the loop over an epoch's batches, or with what an \
                 evaluation has found, `&[(\"accuracy\", accuracy)]`"
            }
        }
    }
}

impl<M> Run<M> {
    /// Why the loop may not take another epoch, if it hasn't ended the one that it took.
    pub(super) fn forgotten_before_epoch(&self, batches: usize) -> Option<RunError> {
        let begun = self.calls.begun?;
        if let Some(error) = self.forgotten_step() {
            return Some(error);
        }
        let position = self.kept.position;
        // Else it goes on in the middle of its epoch, as with a new iterator after an error of the old one.
        let is_over =
            position == begun || position.batch >= batches || self.stop == Some(Stop::DryRun);
        is_over.then(|| {
            self.forgotten(
                Call::EndEpoch,
                "the loop asks for the next epoch before it has ended",
            )
        })
    }

    /// Why there is no step, if the loop has taken no epoch.
    pub(super) fn forgotten_epoch(&self, what: &'static str) -> Option<RunError> {
        let is_in_none = self.calls.begun.is_none();
        is_in_none.then(|| self.forgotten(Call::NextEpoch, what))
    }

    /// What is wrong with an epoch that was trained on, and has no step.
    pub(super) fn forgotten_step(&self) -> Option<RunError> {
        let calls = &self.calls;
        if calls.counted > 0 {
            return None;
        }
        // A loop that only shows them asks a few times; one that trains, for each batch.
        let asked = calls.asked.get();
        let is_set = asked >= (self.batches as u64).max(FEW);
        let is_trained = calls.losses > 0 || is_set || (asked > 0 && self.followed.has_more());
        if !is_trained {
            return None;
        }
        // Perhaps the loop passes over such losses, and there was no other one.
        let error = self.check_loss().err();
        Some(error.unwrap_or_else(|| {
            self.forgotten(
                Call::Step,
                "the loop has trained on batches, but made no step of any, so that the learning rate and rho stay \
                 what they are",
            )
        }))
    }

    /// Why the run is not whole, if the loop was left within an epoch.
    pub(super) fn forgotten_end(&self) -> Option<RunError> {
        let is_left = self.calls.begun.is_some() && matches!(self.stop, None | Some(Stop::DryRun));
        if !is_left {
            return None;
        }
        let is_begun = self.calls.counted > 0;
        let lost = self.check_loss().err();
        lost.or_else(|| self.forgotten_step()).or_else(|| {
            is_begun.then(|| {
                self.forgotten(
                    Call::EndEpoch,
                    "the loop was left before it had ended, and what follows the last checkpoint is saved nowhere",
                )
            })
        })
    }

    fn forgotten(&self, call: Call, what: &'static str) -> RunError {
        RunError::Forgotten {
            call,
            position: self.kept.position,
            what,
        }
    }
}
