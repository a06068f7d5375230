//! What a checkpoint holds of a run, beside tensors.

use serde::{Deserialize, Serialize};

use super::{
    RunConfig,
    checkpoint::{Best, CheckpointError},
    metrics::Mean,
    stop::{Patience, PlateauState, Stop},
};
use crate::position::{Facts, Position};

/// What a checkpoint holds of a run, beside tensors. What has a default was not there from the beginning.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) position: Position,
    pub(super) step: u64,
    /// Seconds of training in earlier processes.
    pub(super) seconds: f64,
    /// The training loss of this epoch, and since the last record.
    pub(super) epoch_loss: Mean,
    pub(super) recent_loss: Mean,
    /// The gradients of a step, since the last record.
    #[serde(default)]
    pub(super) recent_gradients: Mean,
    /// Batches that were left out: of this epoch, and of the run.
    #[serde(default)]
    pub(super) left_out: u64,
    #[serde(default)]
    pub(super) left_out_in_all: u64,
    pub(super) early_stopping: Patience,
    pub(super) plateau: PlateauState,
    pub(super) stop: Option<Stop>,
    /// What the two rules watch.
    #[serde(default)]
    pub(super) watched: [Option<(String, Best)>; 2],
    /// Batches of an epoch.
    #[serde(default)]
    pub(super) batches: Option<usize>,
    /// What the batches are, if they come from a loader.
    #[serde(default)]
    pub(super) data: Option<Facts>,
}

impl Kept {
    /// What the checkpoint of `step` holds, for a run that goes on with `config`.
    pub(super) fn go_on(self, step: u64, config: &RunConfig) -> Result<Self, CheckpointError> {
        if self.step != step {
            return Err(CheckpointError::Value {
                name: super::start::RUN.to_owned(),
                reason: format!("it is of step {}, and the checkpoint of {step}", self.step),
            });
        }
        Ok(self.watch(config))
    }

    /// What ranks that write nothing keep: what all have seen is with the first one.
    pub(super) fn of_others(self) -> Self {
        Self {
            epoch_loss: Mean::new(),
            recent_loss: Mean::new(),
            ..self
        }
    }

    /// The same, with rules that begin anew where they watch something else.
    pub(super) fn watch(mut self, config: &RunConfig) -> Self {
        let stopping = config.early_stopping.as_ref();
        let plateau = config.plateau.as_ref();
        let watched = [
            stopping.map(|rule| (rule.on.clone(), rule.goal)),
            plateau.map(|rule| (rule.on.clone(), rule.goal)),
        ];
        let is_other = |i: usize| self.watched[i].is_some() && self.watched[i] != watched[i];
        let others = [0, 1].map(is_other);
        if others[0] {
            self.early_stopping = Patience::default();
        }
        if others[1] {
            self.plateau.forget();
        }
        self.watched = watched;
        // A rule that is gone, or more patient, ends nothing.
        let is_over = stopping.is_some_and(|rule| rule.is_over(&self.early_stopping));
        self.stop = self.stop.filter(|_| is_over);
        self
    }
}
