//! A file that grows by whole pieces, and is replaced as a whole or not at all.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::MetricsError;
use crate::files::{self, New};

/// A file that one sink writes. It is locked: a second writer is refused.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole pieces.
    len: u64,
    /// Whether a piece was cut off behind them.
    torn: bool,
}

impl AppendFile {
    /// A new file, with its folder where that is missing.
    ///
    /// # Errors
    /// [`MetricsError::Exists`] if there is one that holds anything, or [`MetricsError::File`].
    pub(super) fn create(path: &Path) -> Result<Self, MetricsError> {
        let found = Self::open(path)?;
        match found.len {
            0 => Ok(found),
            _ => Err(MetricsError::Exists { path: path.into() }),
        }
    }

    /// The file, which is made where there is none.
    ///
    /// # Errors
    /// [`MetricsError::InUse`], [`MetricsError::File`].
    pub(super) fn open(path: &Path) -> Result<Self, MetricsError> {
        let failed = |reason| error(path, "open", reason);
        files::make_folder(files::parent(path)).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        // Not every file system has locks; then there is no such check.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(MetricsError::InUse { path: path.into() });
        }
        files::sweep(path).map_err(failed)?;
        Ok(Self {
            path: path.into(),
            len: file.seek(SeekFrom::End(0)).map_err(failed)?,
            file,
            torn: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All bytes.
    ///
    /// # Errors
    /// [`MetricsError::File`].
    pub(super) fn read(&mut self) -> Result<Vec<u8>, MetricsError> {
        let mut bytes = Vec::new();
        let read = (|| {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.read_to_end(&mut bytes)?;
            self.file.seek(SeekFrom::Start(self.len))
        })();
        read.map_err(|reason| error(&self.path, "read", reason))?;
        bytes.truncate(self.len.try_into().unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// Adds `bytes` behind what is there: all of them, or after an error none.
    ///
    /// # Errors
    /// [`MetricsError::File`].
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), MetricsError> {
        let written = self.mend().and_then(|()| self.file.write_all(bytes));
        match written {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(reason) => {
                self.torn = true;
                // On a full disk that works at once; if not, the next piece tries again.
                let _ = self.mend();
                Err(error(&self.path, "write", reason))
            }
        }
    }

    /// Puts `bytes` in place of everything: at each moment a reader, or a run after a crash, finds
    /// either the old file or the new one.
    ///
    /// # Errors
    /// [`MetricsError::File`]; then the old file is there unchanged.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> Result<(), MetricsError> {
        let replaced = (|| {
            let mut new = New::beside(&self.path)?;
            new.file.write_all(bytes)?;
            // Locked before anybody else can open it.
            let _ = new.file.try_lock();
            let file = new.file.try_clone()?;
            new.persist().map(|()| file)
        })();
        self.file = replaced.map_err(|reason| error(&self.path, "replace", reason))?;
        (self.len, self.torn) = (bytes.len() as u64, false);
        Ok(())
    }

    /// Waits until the bytes are on the disk.
    ///
    /// # Errors
    /// [`MetricsError::File`].
    pub(super) fn sync(&mut self) -> Result<(), MetricsError> {
        let synced = self.file.sync_data();
        synced.map_err(|reason| error(&self.path, "write", reason))
    }

    /// Cuts off what a failed write left.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len)?;
            self.file.seek(SeekFrom::Start(self.len))?;
            self.torn = false;
        }
        Ok(())
    }
}

pub(super) fn error(path: &Path, action: &'static str, reason: io::Error) -> MetricsError {
    MetricsError::File {
        path: path.into(),
        action,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_piece_is_cut_off_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = AppendFile::create(&path).unwrap();
        log.append(b"one\n").unwrap();
        // As after a write that got only so far.
        log.file.write_all(b"tw").unwrap();
        log.torn = true;
        assert_eq!(log.read().unwrap(), b"one\n");
        log.append(b"three\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\nthree\n");
    }

    #[test]
    fn a_replaced_file_goes_on_under_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/in/log");
        let mut log = AppendFile::create(&path).unwrap();
        log.append(b"a long beginning\n").unwrap();
        #[cfg(unix)]
        {
            let rights = std::os::unix::fs::PermissionsExt::from_mode(0o640);
            fs::set_permissions(&path, rights).unwrap();
        }
        let mode = fs::metadata(&path).unwrap().permissions();
        log.replace(b"short\n").unwrap();
        log.append(b"end\n").unwrap();
        log.sync().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short\nend\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions(), mode);
        // Nothing else was left in the folder.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_of_a_replacement_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = AppendFile::create(&path).unwrap();
        log.replace(b"one").unwrap();
        drop(log);
        // Killed before the new file had its name.
        std::mem::forget(New::beside(&path).unwrap());
        fs::write(dir.path().join(".log.new-mine"), "mine").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        let mut log = AppendFile::open(&path).unwrap();
        assert_eq!(log.read().unwrap(), b"one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let in_use = || matches!(AppendFile::open(&path), Err(MetricsError::InUse { .. }));
        let mut log = AppendFile::create(&path).unwrap();
        assert!(in_use());
        log.replace(b"x").unwrap();
        assert!(in_use());
        drop(log);
        assert!(!in_use());
        let refused = AppendFile::create(&path).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "{}: holds the metrics of an earlier run; `resume` it, or choose another folder",
                path.display()
            )
        );
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let refused = AppendFile::create(dir.path()).unwrap_err().to_string();
        let start = format!("{}: can't open it (", dir.path().display());
        assert!(refused.starts_with(&start), "{refused}");
    }
}
