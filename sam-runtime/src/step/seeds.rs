//! Seeds for the forks on which a step runs, so that each step has dropout masks of its own.
//!
//! A model that draws gets its seeds from its device, and so from the user's seed: one number, once. One
//! that does not must leave the device's generator alone. Which of the two a model is shows only after
//! its first pass; until then its seeds come from its initial weights.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use dfdx::{prelude::*, tensor::UniqueId};
use serde::{Deserialize, Serialize};

use super::tensors::{first_parameter, parameter_ids};

/// What SAM remembers of a model from step to step: all that a checkpoint must hold beside the model, the
/// optimizer and the position in the data. Get it with [`sam_state`], put it back with [`set_sam_state`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamState {
    /// Clean passes so far.
    passes: u64,
    /// What the seeds of the passes count from.
    salt: u64,
    /// Whether a pass has drawn random numbers.
    draws: bool,
    /// Whether the salt is a number of the model's device.
    from_device: bool,
    /// On a GPU: numbers that were drawn after the salt.
    #[serde(default)]
    drawn: u64,
}

/// By the id of the model's first parameter; a few bytes for each model that is ever trained. Not
/// part of the workspace, which a thread may lose.
static STATES: Mutex<BTreeMap<UniqueId, SamState>> = Mutex::new(BTreeMap::new());

fn with_state<R>(model: UniqueId, f: impl FnOnce(&mut SamState) -> R) -> R {
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    f(states.entry(model).or_default())
}

/// The next seed of the model whose first parameter has this id.
pub(super) fn next<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    id: UniqueId,
) -> Result<u64, D::Err> {
    let state = with_state(id, |state| {
        state.passes += 1;
        *state
    });
    let has_salt = state.from_device || (!state.draws && state.passes > 1);
    if has_salt {
        return Ok(state.salt.wrapping_add(state.passes));
    }
    let Some((device, weights)) = first_parameter(model, !state.draws)? else {
        return Ok(state.passes);
    };
    let salt = if state.draws {
        device.random_u64()
    } else {
        let mut hasher = DefaultHasher::new();
        weights
            .iter()
            .for_each(|weight| weight.to_bits().hash(&mut hasher));
        hasher.finish()
    };
    with_state(id, |kept| {
        kept.salt = salt;
        kept.drawn = 0;
        kept.from_device = state.draws;
    });
    Ok(salt.wrapping_add(state.passes))
}

/// Notes that a pass of this model has drawn random numbers.
pub(super) fn note_draw(model: UniqueId) {
    with_state(model, |state| state.draws = true);
}

/// What the random numbers of this model's twins start from, and how many were drawn since.
pub(super) fn of_twins(model: UniqueId) -> (u64, u64) {
    with_state(model, |state| (state.salt, state.drawn))
}

/// Notes how many numbers this model's twins have drawn; `None` where they can't be counted, and then they
/// start anew from other ones.
pub(super) fn note_drawn(model: UniqueId, drawn: Option<u64>) {
    with_state(model, |state| match drawn {
        Some(drawn) => state.drawn = drawn,
        None => {
            state.salt = state.salt.wrapping_add(1 << 32);
            state.drawn = 0;
        }
    });
}

/// What SAM remembers of `model`.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, step::{sam_state, set_sam_state}};
///
/// let dev = Cpu::default();
/// let (first, second) = (dev.build_module::<Linear<4, 2>, f32>(), dev.build_module::<Linear<4, 2>, f32>());
/// // `second` draws the dropout masks that `first` would have drawn next.
/// set_sam_state(&second, sam_state(&first));
/// ```
pub fn sam_state<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(model: &M) -> SamState {
    first_id(model).map_or_else(SamState::default, |id| with_state(id, |state| *state))
}

/// Has SAM remember this of `model`: what [`sam_state`] gave for it, or for the model that it goes on from.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, step::{SamState, sam_state, set_sam_state}};
///
/// let model = Cpu::default().build_module::<Linear<4, 2>, f32>();
/// let written = serde_json::to_string(&sam_state(&model))?;
/// // Later, in the resumed program:
/// set_sam_state(&model, serde_json::from_str::<SamState>(&written)?);
/// assert_eq!(serde_json::to_string(&sam_state(&model))?, written);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn set_sam_state<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    state: SamState,
) {
    if let Some(id) = first_id(model) {
        with_state(id, |kept| *kept = state);
    }
}

fn first_id<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(model: &M) -> Option<UniqueId> {
    parameter_ids(model).ok()?.first().copied()
}
