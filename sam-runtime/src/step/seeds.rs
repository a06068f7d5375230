//! Seeds for the forks on which a step runs, so that each step has dropout masks of its own.
//!
//! A model that draws gets its seeds from its device, and so from the user's seed. One that does
//! not must leave the device's generator alone. Which of the two a model is shows only after its
//! first pass; until then its seeds come from its initial weights.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use dfdx::{prelude::*, tensor::UniqueId};

use super::tensors::first_parameter;

#[derive(Clone, Copy, Default)]
struct Stream {
    salt: u64,
    steps: u64,
    draws: bool,
}

/// By the id of the model's first parameter; a few bytes for each model that is ever trained. Not
/// part of the workspace, which a thread may lose.
static STREAMS: Mutex<BTreeMap<UniqueId, Stream>> = Mutex::new(BTreeMap::new());

fn with_stream<R>(model: UniqueId, f: impl FnOnce(&mut Stream) -> R) -> R {
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    f(streams.entry(model).or_default())
}

/// The next seed of the model whose first parameter has this id.
pub(super) fn next<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
    id: UniqueId,
) -> Result<u64, D::Err> {
    let stream = with_stream(id, |stream| {
        stream.steps += 1;
        *stream
    });
    if !stream.draws && stream.steps > 1 {
        return Ok(stream.salt.wrapping_add(stream.steps));
    }
    let Some((device, weights)) = first_parameter(model, !stream.draws)? else {
        return Ok(stream.steps);
    };
    if stream.draws {
        return Ok(device.random_u64());
    }
    let mut hasher = DefaultHasher::new();
    weights
        .iter()
        .for_each(|weight| weight.to_bits().hash(&mut hasher));
    let salt = hasher.finish();
    with_stream(id, |stream| stream.salt = salt);
    Ok(salt)
}

/// Notes that a pass of this model has drawn random numbers.
pub(super) fn note_draw(model: UniqueId) {
    with_stream(model, |stream| stream.draws = true);
}
