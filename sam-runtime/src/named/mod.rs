//! Named tensors on the host: those of a model or of an optimizer, as checkpoints and files with weights hold them.
//!
//! | file | what |
//! |---|---|
//! | `name` | the names: PyTorch's |
//! | `module` | the tensors of a model, read and written |
//! | `bytes` | elements as bytes and back |
//! | `file` | safetensors files |

mod bytes;
#[cfg(feature = "run")]
pub(crate) mod file;
mod module;
mod name;

use std::collections::BTreeMap;

pub(crate) use bytes::{download, dtype, from_bytes};
pub(crate) use module::{read, write};
pub(crate) use name::in_file;

/// Tensors by their names.
pub(crate) type Tensors = BTreeMap<String, HostTensor>;

/// A tensor on the host, in the form that safetensors files have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTensor {
    /// The type of the elements.
    pub dtype: HostDtype,
    /// The sizes of the axes; none for a scalar.
    pub shape: Vec<usize>,
    /// The elements, row by row, each little-endian.
    pub bytes: Vec<u8>,
}

/// The type of a [`HostTensor`]'s elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostDtype {
    /// `f16`, and dfdx's `AMP<f16>`.
    F16,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl HostDtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Why tensors can't be given or taken.
pub(crate) enum Refused {
    /// Two have one name.
    SameName { name: String },
    /// Elements of this type have no form on the host.
    Unsupported { dtype: &'static str },
    /// The device can't give its tensors out or take them.
    Device(String),
}

impl Refused {
    /// What a device says.
    pub(crate) fn device(error: impl ToString) -> Self {
        Self::Device(error.to_string())
    }
}
