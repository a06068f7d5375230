//! The gradients of a model, zeroed.

use dfdx::{
    nn::tensor_collection::TensorCollection, prelude::Device, shapes::Dtype, tensor::Gradients,
};

use super::{Coefficient, Map, Walk, vectors, zero};
use crate::doors::{
    host_memory::is_host,
    walk::{Which, each},
};

/// What `ZeroGrads::try_zero_grads` does, on several threads, or in one launch.
pub(crate) fn zero_gradients<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &M,
    gradients: &mut Gradients<E, D>,
) -> Result<(), D::Err> {
    let mut ids = Vec::new();
    let mut device = None;
    each(model, Which::Parameters, &mut |t| {
        ids.push(t.id());
        device.get_or_insert_with(|| t.device().clone());
        Ok(())
    })?;
    match (vectors::<E, D>(), &device) {
        (Some(on), Some(device)) if !is_host::<D>() => {
            let walk: Walk<'_, E, D::Err> = &mut |f| {
                each(model, Which::Parameters, &mut |t| {
                    f(on.parts(t.gradient(gradients)?, None))
                })
            };
            let (keep, add) = (Coefficient::ZERO, Coefficient::ZERO);
            on.map(device, walk, Map::Axpby { keep, add })?;
        }
        _ => each(model, Which::Parameters, &mut |t| {
            zero(t.device(), t.gradient(gradients)?)
        })?,
    }
    gradients.retain_leafs(&ids);
    Ok(())
}
