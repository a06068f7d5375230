//! The right to write into a folder of checkpoints.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{CheckpointError, file::failed};
use crate::files::make_folder;

/// The file that is locked. It stays when the lock goes: were it removed, two could hold one each.
const FILE: &str = ".lock";

/// A lock that is taken once, and held until the last clone is dropped. The system gives it back when a
/// process ends, however it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Lock(Arc<Mutex<Option<File>>>);

/// For one thread at a time, the right to write; and whether it was not held before.
pub(super) type Held<'a> = (MutexGuard<'a, Option<File>>, bool);

impl Lock {
    /// Takes the lock of `dir`, which is made if it isn't there.
    pub(super) fn take(&self, dir: &Path) -> Result<Held<'_>, CheckpointError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok((held, false));
        }
        make_folder(dir).map_err(failed(dir, "make"))?;
        let path = dir.join(FILE);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(failed(&path, "open"))?;
        // Not every file system has locks; then there is no such check.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(CheckpointError::InUse { dir: dir.into() });
        }
        *held = Some(file);
        Ok((held, true))
    }
}
