//! Why weights could not be written or read.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    files::failure,
    named::{Refused, file::NotTensors},
};

/// Why weights could not be written or read. The text names the file, what is wrong, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file can't be read or written.
    #[error("{}", failure(.path, .action, .reason))]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
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
    #[error("{}: has no `{name}`, which the network has; {}", .path.display(), missing(name, prefix))]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What stands before the name in the file, if it is there so.
        prefix: Option<String>,
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
        "{}: `{name}` has shape {found:?}, but {expected:?} in the network; has it another number of \
         classes? `LoadOptions::all_but` leaves such a layer as it is",
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
        "{}: `{name}` has elements of type {found}, but F64, F32, F16 and BF16 are read; convert the file",
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

impl WeightsError {
    /// Of a file whose bytes are no tensors.
    pub(crate) fn of_file(path: &Path, problem: NotTensors) -> Self {
        let path = path.into();
        match problem {
            NotTensors::Format(reason) => Self::Format { path, reason },
            NotTensors::Elements { name, found } => Self::Elements { path, name, found },
        }
    }
}

impl From<Refused> for WeightsError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::SameName { name } => Self::SameName { name },
            Refused::Unsupported { dtype } => {
                Self::Device(format!("elements of type {dtype} have no form in files"))
            }
            Refused::Device(reason) => Self::Device(reason),
        }
    }
}

crate::debug::debug_as_display!(WeightsError);

fn missing(name: &str, prefix: &Option<String>) -> String {
    match prefix {
        Some(prefix) => format!(
            "the file calls it `{prefix}{name}`: read it with `LoadOptions::new().prefix(\"{prefix}\")`"
        ),
        None => "is it the file of another network?".to_owned(),
    }
}
