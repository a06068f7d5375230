//! Buffers of a device as bytes on the host, and back, with every bit.

use std::any::{Any, type_name};

use dfdx::prelude::*;

use super::state::{HostDtype, HostTensor, StateError};
use crate::doors::buffer::{self, Buffer};

/// The elements of `buffer`, which belong to a parameter of this shape.
pub(super) fn download<E: Dtype, D: Device<E>>(
    device: &D,
    buffer: &Buffer<E, D>,
    shape: &[usize],
) -> Result<HostTensor, StateError> {
    let values = buffer::download(device, buffer);
    let values = values.map_err(|error| StateError::Device(error.to_string()))?;
    let (dtype, bytes) = to_bytes(values)?;
    Ok(HostTensor {
        dtype,
        shape: shape.into(),
        bytes,
    })
}

/// How elements of type `E` are called on the host.
pub(super) fn dtype<E: Dtype>() -> Result<HostDtype, StateError> {
    to_bytes(Vec::<E>::new()).map(|(dtype, _)| dtype)
}

/// The elements as bytes, and what they are called.
pub(crate) fn to_bytes<E: Dtype>(values: Vec<E>) -> Result<(HostDtype, Vec<u8>), StateError> {
    let values: &dyn Any = &values;
    if let Some(values) = values.downcast_ref::<Vec<f32>>() {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        return Ok((HostDtype::F32, bytes.collect()));
    }
    if let Some(values) = values.downcast_ref::<Vec<f64>>() {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        return Ok((HostDtype::F64, bytes.collect()));
    }
    #[cfg(feature = "f16")]
    if let Some(values) = values.downcast_ref::<Vec<half::f16>>() {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        return Ok((HostDtype::F16, bytes.collect()));
    }
    #[cfg(feature = "f16")]
    if let Some(values) = values.downcast_ref::<Vec<dfdx::dtypes::AMP<half::f16>>>() {
        let bytes = values.iter().flat_map(|x| x.0.to_le_bytes());
        return Ok((HostDtype::F16, bytes.collect()));
    }
    Err(StateError::Unsupported {
        dtype: type_name::<E>(),
    })
}

/// The elements in `bytes`, of which there are whole ones.
pub(crate) fn from_bytes<E: Dtype>(bytes: &[u8]) -> Result<Vec<E>, StateError> {
    let all: [Box<dyn Any>; _] = [
        Box::new(parse(bytes, f32::from_le_bytes)),
        Box::new(parse(bytes, f64::from_le_bytes)),
        #[cfg(feature = "f16")]
        Box::new(parse(bytes, half::f16::from_le_bytes)),
        #[cfg(feature = "f16")]
        Box::new(parse(bytes, |b| {
            dfdx::dtypes::AMP(half::f16::from_le_bytes(b))
        })),
    ];
    let mine = all.into_iter().find_map(|values| values.downcast().ok());
    let mine = mine.map(|values: Box<Vec<E>>| *values);
    mine.ok_or(StateError::Unsupported {
        dtype: type_name::<E>(),
    })
}

fn parse<const N: usize, E>(bytes: &[u8], element: impl Fn([u8; N]) -> E) -> Vec<E> {
    bytes.as_chunks().0.iter().map(|b| element(*b)).collect()
}
