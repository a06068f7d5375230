//! Why a network can't be written as ONNX.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a network can't be written as ONNX.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The example has no dimension for the batch, or none behind it.
    #[error(
        "the example has the shape {shape:?}, but a model of ONNX takes batches here: give a tensor of shape \
         (batch, features), (batch, channels, height, width) or the like"
    )]
    NoBatch {
        /// The example's shape.
        shape: Vec<usize>,
    },
    /// The operations of ONNX that this crate writes can't say what a layer does.
    #[error(
        "`{layer}` can't be written with ONNX's operators of version {}: {reason}",
        super::OPSET
    )]
    Unsupported {
        /// The layer.
        layer: String,
        /// What of it.
        reason: String,
    },
    /// A layer gets what it can't take. Where the network's type was checked by `forward`, a layer of one's own has given a shape
    /// that is not that of its result.
    #[error("`{layer}` gets {found:?} behind the batch's dimension, but takes {wanted}")]
    Shape {
        /// The layer.
        layer: String,
        /// What it takes.
        wanted: String,
        /// What it gets: sizes without the batch's.
        found: Vec<usize>,
    },
    /// Elements of this type have no name in ONNX here.
    #[error("tensors of `{dtype}` can't be written as ONNX: use f32, f64 or f16")]
    Elements {
        /// The type.
        dtype: &'static str,
    },
    /// Two tensors have one name.
    #[error(
        "two tensors are called `{name}`: each layer that holds others writes them within a name of its own (`Graph::within`)"
    )]
    SameName {
        /// The name.
        name: String,
    },
    /// A file of protobuf has at most 2 GiB.
    #[error("the model takes {bytes} bytes, but an ONNX file has at most 2 GiB")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The file can't be written.
    #[error("can't write {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
}
