use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{World, WorldError, values::Values};
use crate::doors::{
    buffer::{download, upload},
    walk::{Which, each},
};

/// The gradients of `model` become their mean over the ranks, on all of them alike: between the backward pass and the update.
///
/// The ranks count alike, so they should have as many samples each. A gradient that is not finite on one rank is so on all of
/// them, which so decide alike. A parameter without a gradient gets one of zeros.
///
/// # Errors
/// See [`WorldError`].
pub fn average<M, E, D>(
    world: &impl World,
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
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
        let device = tensor.device().clone();
        let found: Vec<E> = download(&device, tensor.gradient(gradients)?)?;
        lengths.push(found.len());
        all.extend(found);
        Ok(())
    })
    .map_err(WorldError::device)?;
    let mut values = Values::of(all)?;
    values.sum(world, 1.0 / world.size() as f64)?;
    let all: Vec<E> = values.into();
    let (mut rest, mut lengths) = (&all[..], lengths.into_iter());
    each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
        let (mine, others) = rest.split_at(lengths.next().unwrap_or(0));
        rest = others;
        *tensor.gradient(gradients)? = upload(tensor.device(), mine)?;
        Ok(())
    })
    .map_err(WorldError::device)
}
