//! Elements as bytes, and back, with every bit.

use std::any::{Any, type_name};

use dfdx::prelude::*;
use half::f16;

use super::{HostDtype, HostTensor, Refused};
use crate::doors::buffer::{self, Buffer};

/// The elements of `buffer`, which belong to a parameter of this shape.
pub(crate) fn download<E: Dtype, D: Device<E>>(
    device: &D,
    buffer: &Buffer<E, D>,
    shape: &[usize],
) -> Result<HostTensor, Refused> {
    let values = buffer::download(device, buffer).map_err(Refused::device)?;
    HostTensor::of(shape.into(), values)
}

impl HostTensor {
    /// The tensor of this shape with these elements, row by row.
    pub(crate) fn of<E: Dtype>(shape: Vec<usize>, values: Vec<E>) -> Result<Self, Refused> {
        let (dtype, bytes) = to_bytes(values)?;
        Ok(Self {
            dtype,
            shape,
            bytes,
        })
    }

    /// The same with elements of another type, rounded where that holds fewer digits.
    pub(crate) fn cast(self, dtype: HostDtype) -> Self {
        if self.dtype == dtype {
            return self;
        }
        let values: Vec<f64> = match self.dtype {
            HostDtype::F16 => parse(&self.bytes, |b| f16::from_le_bytes(b).into()),
            HostDtype::F32 => parse(&self.bytes, |b| f32::from_le_bytes(b).into()),
            HostDtype::F64 => parse(&self.bytes, f64::from_le_bytes),
        };
        let values = values.into_iter();
        let bytes = match dtype {
            HostDtype::F16 => values
                .flat_map(|x| f16::from_f64(x).to_le_bytes())
                .collect(),
            HostDtype::F32 => values.flat_map(|x| (x as f32).to_le_bytes()).collect(),
            HostDtype::F64 => values.flat_map(f64::to_le_bytes).collect(),
        };
        Self {
            dtype,
            bytes,
            ..self
        }
    }
}

/// How elements of type `E` are called on the host.
pub(crate) fn dtype<E: Dtype>() -> Result<HostDtype, Refused> {
    to_bytes(Vec::<E>::new()).map(|(dtype, _)| dtype)
}

/// The elements as bytes, and what they are called.
fn to_bytes<E: Dtype>(values: Vec<E>) -> Result<(HostDtype, Vec<u8>), Refused> {
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
    if let Some(values) = values.downcast_ref::<Vec<f16>>() {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        return Ok((HostDtype::F16, bytes.collect()));
    }
    #[cfg(feature = "f16")]
    if let Some(values) = values.downcast_ref::<Vec<dfdx::dtypes::AMP<f16>>>() {
        let bytes = values.iter().flat_map(|x| x.0.to_le_bytes());
        return Ok((HostDtype::F16, bytes.collect()));
    }
    Err(Refused::Unsupported {
        dtype: type_name::<E>(),
    })
}

/// The elements in `bytes`, which are whole ones of a type that [`dtype`] has a name for; none of another.
pub(crate) fn from_bytes<E: Dtype>(bytes: &[u8]) -> Vec<E> {
    let all: [Box<dyn Any>; _] = [
        Box::new(parse(bytes, f32::from_le_bytes)),
        Box::new(parse(bytes, f64::from_le_bytes)),
        #[cfg(feature = "f16")]
        Box::new(parse(bytes, f16::from_le_bytes)),
        #[cfg(feature = "f16")]
        Box::new(parse(bytes, |b| dfdx::dtypes::AMP(f16::from_le_bytes(b)))),
    ];
    let mine = all.into_iter().find_map(|values| values.downcast().ok());
    mine.map(|values: Box<Vec<E>>| *values).unwrap_or_default()
}

fn parse<const N: usize, E>(bytes: &[u8], element: impl Fn([u8; N]) -> E) -> Vec<E> {
    bytes.as_chunks().0.iter().map(|b| element(*b)).collect()
}
