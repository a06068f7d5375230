//! Finding and reading the files of a data set, with errors that name them.

use std::fs;
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
    fs::read(path).map_err(|reason| DataError::Open {
        path: path.into(),
        reason,
    })
}
