use dfdx::{nn::tensor_collection::TensorCollection, prelude::*};

use super::{OnDevice, World, WorldError, values::Values};
use crate::{
    doors::walk::{Which, each_named, each_named_mut},
    step::{
        parameter_ids,
        rank::{Ranks, SAID, set_ranks},
    },
};

/// `model` becomes that of rank 0, with all that its tensors hold: before training, and whenever rank 0 has read a checkpoint.
///
/// From then on, SAM's steps of this model draw random numbers as the chunks of one process would, each rank its own: the
/// generators of the ranks' devices must begin alike, and go on alike.
///
/// # Errors
/// See [`WorldError`]: [`Lengths`](WorldError::Lengths) where the ranks' models have other sizes.
pub fn sync_model<W, M, E, D>(world: &W, model: &mut M) -> Result<(), WorldError>
where
    W: World + Clone + Send + Sync + 'static,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    if world.size() == 1 {
        return Ok(());
    }
    let ids = parameter_ids(model).map_err(WorldError::device)?;
    set_ranks(ids, OfStep(world.clone()));
    let mut values = read(model, Which::All)?;
    world.broadcast(values.bytes_mut())?;
    write(model, Which::All, values)
}

/// The ranks, as the steps of a model meet them.
struct OfStep<W>(W);

impl<W: World + Send + Sync> Ranks for OfStep<W> {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn gather(&self, said: [u8; SAID]) -> Result<Vec<[u8; SAID]>, String> {
        let mut all = vec![0; SAID * self.0.size()];
        let gathered = self.0.all_gather(&said, &mut all);
        gathered.map_err(|error| error.to_string())?;
        let (all, _) = all.as_chunks();
        Ok(all.to_vec())
    }

    fn settle(&self) -> Result<(), String> {
        let there = self.0.on_device();
        let settled = there.map_or(Ok(()), |OnDevice(there)| there.settle());
        settled.map_err(|error| error.to_string())
    }
}

/// The buffers of `model`, BatchNorm's running statistics, become their mean over the ranks: before it is evaluated or saved.
///
/// Each rank normalises by its own batches, and so has statistics of its own. Their mean is, but for rounding, what one process
/// would have kept of all of them.
///
/// # Errors
/// See [`WorldError`].
pub fn sync_buffers<M, E, D>(world: &(impl World + ?Sized), model: &mut M) -> Result<(), WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    if world.size() == 1 {
        return Ok(());
    }
    let mut values = read(model, Which::Buffers)?;
    values.sum(world, 1.0 / world.size() as f64)?;
    write(model, Which::Buffers, values)
}

/// Looks whether all ranks have the same weights, bit by bit: once in an epoch, say. Eight bytes are sent.
///
/// # Errors
/// [`WorldError::Drift`] on all ranks, if one differs. Else see [`WorldError`].
pub fn check<M, E, D>(world: &(impl World + ?Sized), model: &M) -> Result<(), WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let hash = fingerprint(read(model, Which::Parameters)?.bytes());
    let mut all = vec![0; 8 * world.size()];
    world.all_gather(&hash.to_le_bytes(), &mut all)?;
    let (hashes, _) = all.as_chunks::<8>();
    match hashes.iter().position(|other| *other != hashes[0]) {
        Some(rank) => Err(WorldError::Drift { rank }),
        None => Ok(()),
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo), which is the same on every machine.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(super) fn read<M, E, D>(model: &M, which: Which) -> Result<Values, WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut all: Vec<E> = Vec::new();
    each_named::<E, D, M>(model, which, &mut |_, tensor| {
        all.extend(tensor.values());
        Ok(())
    })
    .map_err(WorldError::device)?;
    Values::of(all)
}

pub(super) fn write<M, E, D>(model: &mut M, which: Which, values: Values) -> Result<(), WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let all: Vec<E> = values.into();
    let mut rest = &all[..];
    each_named_mut::<E, D, M>(model, which, &mut |_, tensor| {
        let (mine, others) = rest.split_at(tensor.len());
        rest = others;
        tensor.write(mine)
    })
    .map_err(WorldError::device)
}
