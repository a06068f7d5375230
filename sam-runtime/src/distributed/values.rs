use std::any::{Any, type_name};

use dfdx::shapes::Dtype;

use super::{World, WorldError, sum::mean_in};

/// The numbers of several tensors, one after the other.
pub(super) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Values {
    /// # Errors
    /// [`WorldError::Unsupported`].
    pub(super) fn of<E: Dtype>(values: Vec<E>) -> Result<Self, WorldError> {
        let values: Box<dyn Any> = Box::new(values);
        let values = match values.downcast() {
            Ok(values) => return Ok(Self::F32(*values)),
            Err(values) => values,
        };
        match values.downcast() {
            Ok(values) => Ok(Self::F64(*values)),
            Err(_) => Err(WorldError::Unsupported {
                dtype: type_name::<E>(),
            }),
        }
    }

    /// As numbers of the type that they were made of; none of another.
    pub(super) fn into<E: Dtype>(self) -> Vec<E> {
        let values: Box<dyn Any> = match self {
            Self::F32(values) => Box::new(values),
            Self::F64(values) => Box::new(values),
        };
        values.downcast().map(|values| *values).unwrap_or_default()
    }

    /// The sums over the ranks of these times `weight`.
    pub(super) fn sum(
        &mut self,
        world: &(impl World + ?Sized),
        weight: f64,
    ) -> Result<(), WorldError> {
        match self {
            Self::F32(values) => mean_in(world, values, &mut Vec::new(), weight as f32),
            Self::F64(values) => mean_in(world, values, &mut Vec::new(), weight),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::F64(values) => bytemuck::cast_slice(values),
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice_mut(values),
            Self::F64(values) => bytemuck::cast_slice_mut(values),
        }
    }
}
