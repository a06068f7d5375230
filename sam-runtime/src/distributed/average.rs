use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{World, WorldError, flat, on_device};
use crate::{
    doors::{
        walk::{Which, each},
        wanted::which_have,
    },
    step::{Clip, clip, parameter_ids, rank::ranks_of},
};

/// The gradients of `model` become their mean over the ranks, on all of them alike: between the backward pass and the update.
/// [`Averaged`](super::Averaged) does it by itself.
///
/// The ranks count alike, so they should have as many samples each. A parameter without a gradient gets one of zeros. What
/// SAM's steps are to bound (`clip`) is bounded here: the mean, as in one process.
///
/// # Errors
/// [`WorldError::NonFinite`] on all ranks alike, if a mean is not finite. Else see [`WorldError`].
///
/// A mean that is taken on a GPU ([`World::on_device`]) is not looked at, since nobody waits for it: SAM's steps have looked at
/// what it is made of, and other loops go on with it, as they do in one process.
pub fn average<M, E, D>(
    world: &(impl World + ?Sized),
    model: &M,
    gradients: &mut Gradients<E, D>,
) -> Result<(), WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    if world.size() == 1 {
        return Ok(());
    }
    mean(world, model, gradients, || Ok(Vec::new())).map(drop)
}

/// The mean over the ranks of what `given` has, without those that no rank has a gradient of.
pub(super) fn averaged<M, E, D>(
    world: &(impl World + ?Sized),
    model: &M,
    given: &Gradients<E, D>,
) -> Result<Gradients<E, D>, WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut gradients = given.clone();
    let has = mean(world, model, &mut gradients, || which_have(model, given))?;
    if !has.contains(&false) {
        return Ok(gradients);
    }
    let mut those = Gradients::leaky();
    let mut has = has.into_iter();
    each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
        if has.next() == Some(true) {
            std::mem::swap(
                tensor.gradient(&mut those)?,
                tensor.gradient(&mut gradients)?,
            );
        }
        Ok(())
    })
    .map_err(WorldError::device)?;
    Ok(those)
}

/// Which parameters have a gradient on one of the ranks; `has` says it of this one.
fn mean<M, E, D>(
    world: &(impl World + ?Sized),
    model: &M,
    gradients: &mut Gradients<E, D>,
    has: impl Fn() -> Result<Vec<bool>, D::Err>,
) -> Result<Vec<bool>, WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let has = match on_device::mean(world, model, gradients, &has)? {
        Some(has) => has,
        None => {
            let found = flat::mean(world, model, gradients, has)?;
            if !found.is_finite {
                return Err(WorldError::NonFinite);
            }
            found.has
        }
    };
    let ids = parameter_ids(model).map_err(WorldError::device)?;
    let bounds = ranks_of(&ids).map_or(Clip::NONE, |ranks| ranks.take_clip());
    bound(model, gradients, bounds)?;
    Ok(has)
}

/// Bounds gradients, where there are bounds.
pub(super) fn bound<M, E, D>(
    model: &M,
    gradients: &mut Gradients<E, D>,
    bounds: Clip,
) -> Result<(), WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    match bounds {
        Clip::NONE => Ok(()),
        bounds => clip(model, gradients, bounds).map_err(WorldError::device),
    }
}
