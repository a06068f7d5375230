//! Weights in files: safetensors, with PyTorch's names.
//!
//! A tensor is called as it is in the module: its fields from the outside in, with dots between them,
//! and as PyTorch says, `weight` for what dfdx calls `scale`. So the networks here read what torchvision,
//! timm and the widespread PyTorch versions of the CIFAR networks write, and the other way round:
//!
//! ```python
//! safetensors.torch.save_file(torchvision.models.resnet18().state_dict(), "resnet18.safetensors")
//! model.load_state_dict(safetensors.torch.load_file("from_here.safetensors"))
//! ```
//!
//! [`load`] wants just the network's tensors in the file; [`load_with`] reads a part, or names with a prefix.
//! A file with class names and preprocessing beside the weights is written by `predict::save`, and read here, too.
//! `num_batches_tracked`, which PyTorch counts beside the running statistics, is passed over.

mod error;
mod options;

use std::{fs, path::Path};

use dfdx::{nn::tensor_collection::*, prelude::*};

pub use self::{error::WeightsError, options::LoadOptions};

use crate::{
    files,
    named::{
        self, HostDtype, Tensors,
        file::{from_file, to_file},
    },
};

/// Writes all tensors of `module`, running statistics too, to the file `path`, as F32. What is there is
/// replaced once the new file is whole.
///
/// # Errors
/// [`WeightsError::File`], [`WeightsError::SameName`], [`WeightsError::Device`].
pub fn save<E, D, M>(module: &M, path: impl AsRef<Path>) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let path = path.as_ref();
    write(path, &to_bytes(module, path)?)
}

/// The file that [`save`] writes to `path`.
pub(crate) fn to_bytes<E, D, M>(module: &M, path: &Path) -> Result<Vec<u8>, WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let tensors = named::read(module)?.into_iter();
    let tensors: Tensors = tensors
        .map(|(name, tensor)| (name, tensor.cast(HostDtype::F32)))
        .collect();
    let views = tensors.iter().map(|(name, tensor)| (name.clone(), tensor));
    to_file(views).map_err(|reason| WeightsError::Format {
        path: path.into(),
        reason,
    })
}

/// Puts `bytes` in the place of a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), WeightsError> {
    files::save(path, bytes).map_err(|reason| WeightsError::File {
        path: path.into(),
        action: "write",
        reason,
    })
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, WeightsError> {
    fs::read(path).map_err(|reason| WeightsError::File {
        path: path.into(),
        action: "read",
        reason,
    })
}

/// Reads all tensors of `module` from the file `path`, of elements in F64, F32, F16 or BF16. The file must have
/// each of them, in its shape, and no other. If it has not, or anything else fails, the module is as it was.
///
/// # Errors
/// See [`WeightsError`].
pub fn load<E, D, M>(module: &mut M, path: impl AsRef<Path>) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    load_with(module, path, &LoadOptions::new())
}

/// [`load`] of a part, or of names with a prefix.
///
/// ```no_run
/// use sam_runtime::{dfdx::prelude::*, nn::{ResNet18, weights::{self, LoadOptions}}};
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<ResNet18<10>, f32>();
/// // ImageNet's 1000 classes are not ours: the head stays as it is.
/// let all_but_head = LoadOptions::new().all_but(|name| name.starts_with("fc."));
/// weights::load_with(&mut net, "resnet18.safetensors", &all_but_head)?;
/// # Ok::<(), weights::WeightsError>(())
/// ```
///
/// # Errors
/// See [`WeightsError`].
pub fn load_with<E, D, M>(
    module: &mut M,
    path: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let path = path.as_ref();
    load_bytes(module, path, &read(path)?, options)
}

/// [`load_with`] of the bytes of the file `path`.
pub(crate) fn load_bytes<E, D, M>(
    module: &mut M,
    path: &Path,
    bytes: &[u8],
    options: &LoadOptions,
) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let prefix = &*options.prefix;
    let mut found = Tensors::new();
    let mut unexpected = Vec::new();
    // What PyTorch counts beside the running statistics.
    let is_count = |name: &str| name.rsplit('.').next() == Some("num_batches_tracked");
    let all = from_file(bytes, is_count).map_err(|error| WeightsError::of_file(path, error))?;
    let mine = named::read::<E, D, M>(module)?;
    for (name, tensor) in &mine {
        if options.leaves(name) {
            continue;
        }
        let Some(theirs) = all.get(&format!("{prefix}{name}")) else {
            return Err(WeightsError::Missing {
                path: path.into(),
                prefix: prefix_of(name, all.keys()).filter(|found| found != prefix),
                name: name.clone(),
            });
        };
        if theirs.shape != tensor.shape {
            return Err(WeightsError::Shape {
                path: path.into(),
                name: name.clone(),
                expected: tensor.shape.clone(),
                found: theirs.shape.clone(),
            });
        }
    }
    for (name, tensor) in all {
        match name.strip_prefix(prefix) {
            Some(name) if options.leaves(name) => {}
            Some(own) if mine.contains_key(own) => {
                found.insert(own.to_owned(), tensor);
            }
            _ => unexpected.push(name),
        }
    }
    if !unexpected.is_empty() {
        return Err(WeightsError::Unexpected {
            path: path.into(),
            names: unexpected,
        });
    }
    Ok(named::write(module, found)?)
}

/// What stands before `name` in one of `names`, as `module.` does.
fn prefix_of<'a>(name: &str, mut names: impl Iterator<Item = &'a String>) -> Option<String> {
    names.find_map(|long| {
        let prefix = long.strip_suffix(name)?;
        prefix.ends_with('.').then(|| prefix.to_owned())
    })
}

#[cfg(test)]
mod tests;
