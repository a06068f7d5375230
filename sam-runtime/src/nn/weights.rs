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
//! `num_batches_tracked`, which PyTorch counts beside the running statistics, is passed over.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use dfdx::{nn::tensor_collection::*, prelude::*};
use safetensors::{Dtype as Kind, SafeTensors, tensor::TensorView};

use crate::device::overwrite;

/// Why weights could not be written or read. The text names the file, what is wrong, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file can't be read or written.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The file is no safetensors file.
    #[error("{}: not a whole safetensors file ({reason}); write or download it again", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        reason: String,
    },
    /// The network has a tensor that the file lacks.
    #[error(
        "{}: has no `{name}`, which the network has; is it the file of another network?",
        .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// The file has tensors that the network lacks.
    #[error(
        "{}: has {}, which the network has not; is it the file of another network?",
        .path.display(), .names.join(", ")
    )]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// The tensors.
        names: Vec<String>,
    },
    /// A tensor has another shape in the file.
    #[error(
        "{}: `{name}` has shape {found:?}, but {expected:?} in the network; has it another number of classes?",
        .path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape in the network.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The elements are of a type that is not read.
    #[error(
        "{}: `{name}` has elements of type {found}, but F32 and F64 are read; convert the file",
        .path.display()
    )]
    Elements {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The type.
        found: String,
    },
    /// Two tensors of the network have one name in files, as `weight` and `scale` beside each other have.
    #[error("two tensors are called `{name}` in files, so that one would be lost; rename one")]
    SameName {
        /// The name in files.
        name: String,
    },
    /// The device can't give its tensors out or take them.
    #[error("the device failed: {0}")]
    Device(String),
}

crate::debug::debug_as_display!(WeightsError);

/// A tensor on the host.
struct Host {
    shape: Vec<usize>,
    values: Vec<f64>,
}

type Tensors = BTreeMap<String, Host>;

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
    let tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = read(module)?
        .into_iter()
        .map(|(name, host)| {
            let bytes = host.values.iter().flat_map(|x| (*x as f32).to_le_bytes());
            (name, (host.shape, bytes.collect()))
        })
        .collect();
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(Kind::F32, shape.clone(), bytes)
            .expect("there are four bytes for each element");
        (name, view)
    });
    let bytes = safetensors::serialize(views, None).map_err(|error| WeightsError::Format {
        path: path.into(),
        reason: error.to_string(),
    })?;
    let failed = |reason| WeightsError::File {
        path: path.into(),
        reason,
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    fs::write(&beside, bytes).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

/// Reads all tensors of `module` from the file `path`, F32 or F64. The file must have each of them, in
/// its shape, and no other. If it has not, or anything else fails, the module is as it was.
///
/// # Errors
/// See [`WeightsError`].
pub fn load<E, D, M>(module: &mut M, path: impl AsRef<Path>) -> Result<(), WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|reason| WeightsError::File {
        path: path.into(),
        reason,
    })?;
    let found = parse(path, &bytes)?;
    let mine = read::<E, D, M>(module)?;
    let unexpected = found.keys().filter(|name| !mine.contains_key(*name));
    let names: Vec<String> = unexpected.cloned().collect();
    for (name, host) in &mine {
        let Some(theirs) = found.get(name) else {
            return Err(WeightsError::Missing {
                path: path.into(),
                name: name.clone(),
            });
        };
        if theirs.shape != host.shape {
            return Err(WeightsError::Shape {
                path: path.into(),
                name: name.clone(),
                expected: host.shape.clone(),
                found: theirs.shape.clone(),
            });
        }
    }
    if !names.is_empty() {
        return Err(WeightsError::Unexpected {
            path: path.into(),
            names,
        });
    }
    M::iter_tensors(&mut RecursiveWalker {
        m: (module, String::new()),
        f: &mut Write(found),
    })
    .map_err(|error: D::Err| WeightsError::Device(error.to_string()))?;
    Ok(())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Tensors, WeightsError> {
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
                Kind::F32 => data
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
                    .collect(),
                Kind::F64 => data
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|bytes| f64::from_le_bytes(*bytes))
                    .collect(),
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

/// The name in the file of a tensor with this name in the module.
pub(crate) fn in_file(name: String) -> String {
    match name.strip_suffix("scale") {
        Some(start) if start.is_empty() || start.ends_with('.') => format!("{start}weight"),
        _ => name,
    }
}

fn read<E, D, M>(module: &M) -> Result<Tensors, WeightsError>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let mut read = Read {
        tensors: Tensors::new(),
        twice: None,
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: (module, String::new()),
        f: &mut read,
    })
    .map_err(|error: D::Err| WeightsError::Device(error.to_string()))?;
    match read.twice {
        Some(name) => Err(WeightsError::SameName { name }),
        None => Ok(read.tensors),
    }
}

struct Read {
    tensors: Tensors,
    /// A name that two tensors have.
    twice: Option<String>,
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Read {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        (t, name): (&Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        let values = t
            .as_vec()
            .into_iter()
            .map(|x| x.to_f64().unwrap_or(f64::NAN));
        let host = Host {
            shape: t.shape().concrete().into(),
            values: values.collect(),
        };
        let name = in_file(name);
        if self.tensors.insert(name.clone(), host).is_some() {
            self.twice = Some(name);
        }
        Ok(None)
    }
}

/// Writes what was checked before.
struct Write(Tensors);

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Write {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        (t, name): (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if let Some(host) = self.0.get(&in_file(name)) {
            let values = host
                .values
                .iter()
                .map(|&x| E::from_f64(x).unwrap_or_default());
            overwrite(t, &values.collect::<Vec<_>>())?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tensors that PyTorch's names don't tell apart.
    #[derive(Clone, Debug)]
    struct Both<E: Dtype, D: Storage<E>> {
        weight: Tensor<Rank1<1>, E, D>,
        scale: Tensor<Rank1<1>, E, D>,
    }

    impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Both<E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Both<E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let ones = || TensorOptions::reset_to_ones();
            visitor.visit_fields(
                (
                    Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, ones()),
                    Self::tensor("scale", |s| &s.scale, |s| &mut s.scale, ones()),
                ),
                |(weight, scale)| Both { weight, scale },
            )
        }
    }

    #[test]
    fn two_tensors_of_one_name_are_not_saved_as_one() {
        let dev = Cpu::default();
        let model = Both::<f32, Cpu> {
            weight: dev.zeros(),
            scale: dev.ones(),
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("both.safetensors");
        assert_eq!(
            save(&model, &path).unwrap_err().to_string(),
            "two tensors are called `weight` in files, so that one would be lost; rename one"
        );
        assert!(!path.exists());
    }
}
