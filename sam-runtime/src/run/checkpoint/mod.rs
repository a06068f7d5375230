//! Checkpoints: everything that a run needs to go on as if it had never stopped.
//!
//! A [`Checkpoint`] is a model, an optimizer's state and small values, by name. A [`CheckpointStore`] is a
//! folder of them: for each, the tensors as safetensors and the rest as JSON beside it. A checkpoint is
//! there once its JSON file is, which is written last, to a temporary file, and renamed; so a process that
//! is killed at any moment leaves whole checkpoints only. Each file has a checksum, so that one that was
//! damaged later is no other checkpoint, but an error.
//!
//! ```
//! use sam_runtime::{
//!     data::Position,
//!     device::{rng_state, set_rng_state},
//!     dfdx::{optim::SgdConfig, prelude::*},
//!     optim::Sgd,
//!     run::checkpoint::{Checkpoint, CheckpointStore},
//! };
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let dev = Cpu::default();
//! let mut model = dev.build_module::<Linear<4, 2>, f32>();
//! let mut opt = Sgd::new(&model, SgdConfig::default());
//! let store = CheckpointStore::open(dir)?.keep(3);
//! store.save(
//!     &Checkpoint::new(1200)
//!         .with_module("model", &model)?
//!         .with_state("optimizer", &opt)?
//!         .with_value("rng", &rng_state(&dev))?
//!         .with_value("position", &Position { epoch: 3, batch: 27 })?,
//! )?;
//!
//! let found = store.latest()?.expect("one was saved");
//! found.load_module("model", &mut model)?;
//! found.load_state("optimizer", &mut opt)?;
//! if let Some(state) = found.value::<Option<_>>("rng")? {
//!     set_rng_state(&dev, &state);
//! }
//! assert_eq!(found.value::<Position>("position")?.batch, 27);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod finite;
mod lock;
mod module;
mod score;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use dfdx::{prelude::*, tensor_ops::Device};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use error::CheckpointError;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use file::from_bytes;
pub use module::{load_module, module_state};
pub use score::{Best, Scored};
pub use store::CheckpointStore;

use super::start::{EMA, MODEL};
use crate::optim::{SaveState, State, StateError};
use finite::Finite;

/// The state of a run at one step, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// What a store keeps the best of, such as the test accuracy.
    pub score: Option<f64>,
    /// What the score is of.
    pub scored: Option<Scored>,
    parts: BTreeMap<String, State>,
    values: BTreeMap<String, Value>,
}

impl Checkpoint {
    /// An empty one, after `step` steps.
    pub fn new(step: u64) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    /// The same, with this score.
    #[must_use]
    pub fn score(mut self, score: f64) -> Self {
        self.score = Some(score);
        self
    }

    /// The same, whose score is of this value and model.
    #[must_use]
    pub fn scored(mut self, scored: Scored) -> Self {
        self.scored = Some(scored);
        self
    }

    /// The name of the module that was evaluated: what its [score is of](Self::scored). Where it doesn't say, as one of an
    /// earlier version, `ema` if that is there, and else `model`, as a [`Run`](crate::run::Run) calls them.
    pub fn evaluated(&self) -> &str {
        match &self.scored {
            Some(scored) => &scored.model,
            None if self.parts.contains_key(EMA) => EMA,
            None => MODEL,
        }
    }

    /// The same, with all tensors of a module: weights and running statistics, every bit of them.
    ///
    /// # Errors
    /// [`CheckpointError::State`] if the device can't give them out.
    pub fn with_module<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
        self,
        name: &str,
        module: &M,
    ) -> Result<Self, CheckpointError> {
        let state = module_state(module).map_err(failed(name))?;
        Ok(self.with_part(name, state))
    }

    /// The same, with the state of an optimizer, or of anything else that has one.
    ///
    /// # Errors
    /// [`CheckpointError::State`] if it can't be given.
    pub fn with_state(
        self,
        name: &str,
        state: &(impl SaveState + ?Sized),
    ) -> Result<Self, CheckpointError> {
        let state = state.state().map_err(failed(name))?;
        Ok(self.with_part(name, state))
    }

    /// The same, with a small value of any type that serde knows. Numbers come back bit by bit; NaN and
    /// infinities can't be in it.
    ///
    /// # Errors
    /// [`CheckpointError::Value`] if it has no JSON form, or a number in it has none.
    pub fn with_value(
        mut self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<Self, CheckpointError> {
        let failed = |reason: String| CheckpointError::Value {
            name: name.into(),
            reason,
        };
        value
            .serialize(Finite)
            .map_err(|problem| failed(problem.to_string()))?;
        let value = serde_json::to_value(value).map_err(|reason| failed(reason.to_string()))?;
        self.values.insert(name.into(), value);
        Ok(self)
    }

    /// The same, with a state.
    #[must_use]
    pub fn with_part(mut self, name: &str, state: State) -> Self {
        self.parts.insert(name.into(), state);
        self
    }

    /// Writes the tensors that were saved under `name` into a module.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`]; [`CheckpointError::State`] if they are those of another module, which
    /// is then as it was.
    pub fn load_module<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
        &self,
        name: &str,
        module: &mut M,
    ) -> Result<(), CheckpointError> {
        load_module(module, self.part(name)?).map_err(failed(name))
    }

    /// Has an optimizer, or whatever else, take on the state that was saved under `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`]; [`CheckpointError::State`] if it doesn't take it.
    pub fn load_state(
        &self,
        name: &str,
        state: &mut (impl SaveState + ?Sized),
    ) -> Result<(), CheckpointError> {
        self.load_with(name, |part| state.load_state(part))
    }

    /// Hands the state that was saved under `name` to `load`.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`]; [`CheckpointError::State`] if `load` fails.
    pub fn load_with<T>(
        &self,
        name: &str,
        load: impl FnOnce(&State) -> Result<T, StateError>,
    ) -> Result<T, CheckpointError> {
        load(self.part(name)?).map_err(failed(name))
    }

    /// The value that was saved under `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`], [`CheckpointError::Value`].
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        let value = self.values.get(name).ok_or_else(|| missing(name))?;
        T::deserialize(value).map_err(|reason| CheckpointError::Value {
            name: name.into(),
            reason: reason.to_string(),
        })
    }

    /// The state that was saved under `name`, alone.
    pub(super) fn into_part(mut self, name: &str) -> Result<State, CheckpointError> {
        self.parts.remove(name).ok_or_else(|| missing(name))
    }

    /// Whether something was saved under `name`.
    pub fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name) || self.values.contains_key(name)
    }

    fn part(&self, name: &str) -> Result<&State, CheckpointError> {
        self.parts.get(name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> CheckpointError {
    CheckpointError::Missing { name: name.into() }
}

fn failed(name: &str) -> impl FnOnce(StateError) -> CheckpointError + '_ {
    move |reason| CheckpointError::State {
        name: name.into(),
        reason,
    }
}
