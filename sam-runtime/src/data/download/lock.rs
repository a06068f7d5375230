//! One download at a time into a folder, among threads and processes.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::{DownloadError, disk};

/// Holds a folder until it is dropped, or its process ends.
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Waits for whoever holds the folder; `wait` is called before that.
    ///
    /// The lock's file stays: to remove it would let two others hold two files of one name.
    pub(super) fn new(dir: &Path, wait: impl FnOnce()) -> Result<Self, DownloadError> {
        let path = dir.join(".download.lock");
        let failed = |reason| DownloadError::File {
            path: path.clone(),
            reason,
        };
        let file = disk::open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait();
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(reason)) => return Err(failed(reason)),
        }
        Ok(Self { _file: file })
    }
}
