//! Tensors on the host: out of a file, out of a module, and into one.

use std::{collections::BTreeMap, path::Path};

use dfdx::{nn::tensor_collection::*, prelude::*};
use half::{bf16, f16};
use safetensors::{Dtype as Kind, SafeTensors};

use super::WeightsError;
use crate::{
    doors::walk::{Which, each_named, each_named_mut},
    nn::in_file,
};

/// A tensor on the host.
pub(super) struct Host {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

pub(super) type Tensors = BTreeMap<String, Host>;

/// The tensors of a file.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Tensors, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| WeightsError::Format {
        path: path.into(),
        reason: error.to_string(),
    })?;
    let counted = |name: &str| name.rsplit('.').next() == Some("num_batches_tracked");
    let views = file.iter().filter(|(name, _)| !counted(name));
    views
        .map(|(name, view)| {
            let data = view.data();
            let values = match view.dtype() {
                Kind::F64 => numbers(data, f64::from_le_bytes),
                Kind::F32 => numbers(data, |bytes| f32::from_le_bytes(bytes).into()),
                Kind::F16 => numbers(data, |bytes| f16::from_le_bytes(bytes).into()),
                Kind::BF16 => numbers(data, |bytes| bf16::from_le_bytes(bytes).into()),
                other => {
                    return Err(WeightsError::Elements {
                        path: path.into(),
                        name: name.into(),
                        found: format!("{other:?}"),
                    });
                }
            };
            let shape = view.shape().to_vec();
            Ok((name.to_owned(), Host { shape, values }))
        })
        .collect()
}

fn numbers<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks()
        .0
        .iter()
        .map(|bytes| number(*bytes))
        .collect()
}

/// The tensors of a module, by their names in files.
pub(super) fn read<E, D, M>(module: &M) -> Result<Tensors, WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let (mut tensors, mut twice) = (Tensors::new(), None);
    each_named::<E, D, M>(module, Which::All, &mut |name, t| {
        let values = t.values().into_iter();
        let host = Host {
            shape: t.shape(),
            values: values.map(|x| x.to_f64().unwrap_or(f64::NAN)).collect(),
        };
        let name = in_file(name);
        if tensors.insert(name.clone(), host).is_some() {
            twice = Some(name);
        }
        Ok(())
    })
    .map_err(|error| WeightsError::Device(error.to_string()))?;
    match twice {
        Some(name) => Err(WeightsError::SameName { name }),
        None => Ok(tensors),
    }
}

/// Overwrites the tensors of a module that are in `found`, whose shapes were checked before.
pub(super) fn write<E, D, M>(module: &mut M, found: Tensors) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    each_named_mut::<E, D, M>(module, Which::All, &mut |name, t| {
        let Some(host) = found.get(&in_file(name)) else {
            return Ok(());
        };
        let numbers = host.values.iter();
        let values: Vec<E> = numbers
            .map(|x| E::from_f64(*x).unwrap_or_default())
            .collect();
        t.write(&values)
    })
    .map_err(|error| WeightsError::Device(error.to_string()))
}
