//! What a step does with all parameters, or all buffers, of a model.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::UniqueId};

use crate::doors::walk::{Which, each, each_pair};

/// The ids of the parameters, which tell one model from another.
pub(crate) fn parameter_ids<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
) -> Result<Vec<UniqueId>, D::Err> {
    let mut ids = Vec::new();
    each::<E, D, M>(model, Which::Parameters, &mut |t| {
        ids.push(t.id());
        Ok(())
    })?;
    Ok(ids)
}

/// The device of the first parameter.
pub(super) fn try_device_of<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    model: &M,
) -> Result<Option<D>, D::Err> {
    let mut found = None;
    each::<E, D, M>(model, Which::Parameters, &mut |t| {
        if found.is_none() {
            found = Some(t.device().clone());
        }
        Ok(())
    })?;
    Ok(found)
}

/// [`try_device_of`] where an error means that there is none.
pub(crate) fn device_of<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(model: &M) -> Option<D> {
    try_device_of(model).ok()?
}

/// `into`'s buffers become `keep * into + weight * from`; exactly `from`'s where `keep` is 0.
pub(super) fn blend_buffers<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
    keep: f64,
    weight: f64,
) -> Result<(), D::Err> {
    each_pair::<E, D, M>(into, from, Which::Buffers, &mut |pair| {
        if keep == 0.0 {
            pair.share();
            return Ok(());
        }
        pair.blend(keep, weight)
    })
}

/// `into`'s parameters become `from`'s; its buffers stay.
pub(super) fn take_parameters<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    into: &mut M,
    from: &M,
) -> Result<(), D::Err> {
    each_pair::<E, D, M>(into, from, Which::Parameters, &mut |pair| {
        pair.share();
        Ok(())
    })
}
