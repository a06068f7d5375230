//! The mean of gradients where they lie.

use std::{
    any::{Any, TypeId},
    fmt,
};

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{World, WorldError};
use crate::{
    device::vectors::{DeviceRange, Parts, vectors},
    doors::walk::{Which, each},
};

/// A way to take means over ranks in the memory of a GPU: see [`World::on_device`]. Only this crate makes one.
#[derive(Clone, Copy)]
pub struct OnDevice<'a>(pub(crate) &'a dyn DeviceMean);

impl fmt::Debug for OnDevice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDevice")
    }
}

/// What [`OnDevice`] can do.
pub(crate) trait DeviceMean {
    /// Whether it is for the memory of this device.
    fn is_on(&self, device: &dyn Any) -> bool;

    /// Queues that the numbers in these ranges become their means over the ranks. What this rank `has` becomes what one of them
    /// has; a rank that has all need not wait for that.
    fn mean(
        &self,
        floats: Floats,
        ranges: &[DeviceRange],
        has: &mut [bool],
    ) -> Result<(), WorldError>;

    /// Waits for all that is queued.
    ///
    /// # Errors
    /// Where another rank is known to be gone, for which it would wait for ever.
    fn settle(&self) -> Result<(), WorldError>;
}

/// Numbers that have a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floats {
    F32,
    F64,
}

impl Floats {
    fn of<E: 'static>() -> Option<Self> {
        match TypeId::of::<E>() {
            id if id == TypeId::of::<f32>() => Some(Self::F32),
            id if id == TypeId::of::<f64>() => Some(Self::F64),
            _ => None,
        }
    }
}

/// The gradients of `model` become their mean over the ranks where they lie; `None`, and nothing is done, if these ranks can't do
/// that there. `has` says which parameters have one on this rank (all, if it says nothing), and the result, on any.
pub(super) fn mean<M, E, D>(
    world: &(impl World + ?Sized),
    model: &M,
    gradients: &mut Gradients<E, D>,
    has: impl Fn() -> Result<Vec<bool>, D::Err>,
) -> Result<Option<Vec<bool>>, WorldError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let (Some(OnDevice(there)), Some(floats), Some(vectors)) =
        (world.on_device(), Floats::of::<E>(), vectors::<E, D>())
    else {
        return Ok(None);
    };
    let mut ranges = Vec::new();
    let mut is_there = true;
    each::<E, D, M>(model, Which::Parameters, &mut |tensor| {
        is_there &= there.is_on(tensor.device());
        match vectors.parts(tensor.gradient(gradients)?, None) {
            Parts::Device(range) => ranges.push(range),
            Parts::Host { .. } => is_there = false,
        }
        Ok(())
    })
    .map_err(WorldError::device)?;
    if !is_there {
        return Ok(None);
    }
    let mut has = has().map_err(WorldError::device)?;
    has.resize(ranges.len(), true);
    there.mean(floats, &ranges, &mut has)?;
    Ok(Some(has))
}
