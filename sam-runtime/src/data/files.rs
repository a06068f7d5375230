//! Finding and reading the files of a data set, with errors that name them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::DataError;

/// The first of `names` (paths within `dir`) that is a file.
///
/// # Errors
/// [`DataError::Missing`] with all names; `what` says what was looked for.
pub(super) fn find(dir: &Path, names: Vec<String>, what: &str) -> Result<PathBuf, DataError> {
    match names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file())
    {
        Some(path) => Ok(path),
        None => Err(DataError::Missing {
            dir: dir.into(),
            what: what.into(),
            names,
        }),
    }
}

/// All bytes of a file.
///
/// # Errors
/// [`DataError::Open`].
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|reason| open(path, reason))
}

/// The size of a file in bytes.
///
/// # Errors
/// [`DataError::Open`], also for what is no plain file: to open a pipe would wait for ever for someone
/// to write into it.
#[cfg(feature = "image")]
pub(super) fn size(path: &Path) -> Result<u64, DataError> {
    let found = fs::metadata(path).map_err(|reason| open(path, reason))?;
    if found.is_file() {
        return Ok(found.len());
    }
    let reason = "it is a folder, a pipe, a socket or a device";
    Err(open(
        path,
        io::Error::new(io::ErrorKind::InvalidInput, reason),
    ))
}

pub(super) fn open(path: &Path, reason: io::Error) -> DataError {
    DataError::Open {
        path: path.into(),
        reason,
    }
}
