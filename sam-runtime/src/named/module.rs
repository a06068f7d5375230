//! The tensors of a model, on the host.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{HostTensor, Refused, Tensors, dtype, from_bytes, in_file};
use crate::doors::walk::{Which, each_named, each_named_mut};

/// All tensors of `module`.
pub(crate) fn read<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    module: &M,
) -> Result<Tensors, Refused> {
    let (mut tensors, mut refused) = (Tensors::new(), None);
    each_named::<E, D, M>(module, Which::All, &mut |name, t| {
        match HostTensor::of(t.shape(), t.values()) {
            Ok(tensor) => {
                let name = in_file(name);
                if tensors.insert(name.clone(), tensor).is_some() {
                    refused = Some(Refused::SameName { name });
                }
            }
            Err(error) => refused = Some(error),
        }
        Ok(())
    })
    .map_err(Refused::device)?;
    refused.map_or(Ok(tensors), Err)
}

/// Overwrites those tensors of `module` that are in `tensors`, whose shapes were checked before.
pub(crate) fn write<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    module: &mut M,
    mut tensors: Tensors,
) -> Result<(), Refused> {
    let dtype = dtype::<E>()?;
    each_named_mut::<E, D, M>(module, Which::All, &mut |name, t| match tensors
        .remove(&in_file(name))
    {
        Some(tensor) => t.write(&from_bytes(&tensor.cast(dtype).bytes)),
        None => Ok(()),
    })
    .map_err(Refused::device)
}
