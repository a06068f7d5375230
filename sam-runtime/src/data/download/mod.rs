//! Downloads of the public data sets, with the feature `download`.
//!
//! ```no_run
//! use sam_runtime::data::{Cifar10, Mnist, download::Source};
//!
//! # fn main() -> Result<(), sam_runtime::data::DataError> {
//! Cifar10::download("data/cifar10")?;
//! let train = Cifar10::train("data/cifar10")?;
//!
//! // Fashion-MNIST's files are read by `Mnist`.
//! Source::fashion_mnist().download("data/fashion-mnist")?;
//! let train = Mnist::train("data/fashion-mnist")?;
//! # Ok(())
//! # }
//! ```
//!
//! A file gets its name once it is whole and its published checksum holds. Until then it is
//! `NAME.part`, and a further try, in this process or a later one, asks only for the rest. What is whole
//! is not asked for again, so a program may call `download` each time it starts.
//!
//! | file | what it holds |
//! |---|---|
//! | `source` | [`Source`], [`RemoteFile`]: what can be downloaded |
//! | `catalog` | the well-known data sets: [`Source::mnist`], [`Source::cifar10`] ... |
//! | `checksum` | [`Checksum`]: the sums that prove a file whole |
//! | `transfer` | mirrors, tries, and the bytes of one file |
//! | `http` | one request, for a file or its rest |
//! | `part` | a file on its way |
//! | `unpack` | files out of an archive |
//! | `record` | the sums of what was unpacked |
//! | `disk` | files and folders of this module's own |
//! | `lock` | one download at a time into a folder |
//! | `progress` | [`Progress`]: what a download tells while it runs |
//! | `error` | [`DownloadError`], [`ArchiveProblem`] |

mod catalog;
mod checksum;
mod disk;
mod error;
mod http;
mod lock;
mod part;
mod progress;
mod record;
mod source;
#[cfg(test)]
mod tests;
mod transfer;
mod unpack;

use std::path::Path;
use std::time::Duration;

pub use checksum::{Checksum, ChecksumError};
pub use error::{ArchiveProblem, DownloadError};
pub use progress::Progress;
pub use source::{RemoteFile, Source};

use crate::files;
use lock::FolderLock;
use transfer::Transfer;

/// Downloads with these limits.
///
/// By default a connection may take 10 s, a server may be silent for 30 s, and each mirror is tried three
/// times, 1 s and 2 s apart. The proxy is the one that the environment names (`HTTPS_PROXY`,
/// `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
///
/// ```no_run
/// use std::time::Duration;
/// use sam_runtime::data::download::{Downloader, Progress, Source};
///
/// # fn main() -> Result<(), sam_runtime::data::download::DownloadError> {
/// let patient = Downloader::new().tries(10).stall_timeout(Duration::from_secs(120));
/// patient.fetch_with(&Source::svhn(), "data/svhn", |progress| {
///     if let Progress::Received { file, bytes, total } = progress {
///         println!("{file}: {} %", 100 * bytes / total);
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Downloader {
    connect_timeout: Duration,
    stall_timeout: Duration,
    tries: u32,
    backoff: Duration,
    direct: bool,
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new()
    }
}

impl Downloader {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            tries: 3,
            backoff: Duration::from_secs(1),
            direct: false,
        }
    }

    /// How long a connection may take: to find the host's address, and then to reach it.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            ..self
        }
    }

    /// How long a server may send nothing. A slow file may take as long as it needs.
    pub fn stall_timeout(self, stall_timeout: Duration) -> Self {
        Self {
            stall_timeout,
            ..self
        }
    }

    /// How often each mirror is asked for a file, where asking again may help; 0 is taken as 1.
    pub fn tries(self, tries: u32) -> Self {
        Self {
            tries: tries.max(1),
            ..self
        }
    }

    /// The time between the first two tries; each further one is twice as long, up to 30 s.
    pub fn backoff(self, backoff: Duration) -> Self {
        Self { backoff, ..self }
    }

    /// Without the proxy that the environment names.
    pub fn direct(self) -> Self {
        Self {
            direct: true,
            ..self
        }
    }

    /// Downloads those files of `source` that are not there, whole, in the folder `dir`, and unpacks
    /// archives. The folder is made where it is missing.
    ///
    /// A file that is there with another size or checksum is replaced, once the right one has arrived.
    /// So is an archive where a file that was unpacked from it has changed; its sums are kept in `NAME.sha256`.
    /// With all files there, nothing is asked or written. If several threads or processes download into
    /// one folder, one works and the others wait, and find the files there (a file `.download.lock`
    /// stays in the folder).
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn fetch(&self, source: &Source, dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        self.fetch_with(source, dir, |_| {})
    }

    /// As [`fetch`](Self::fetch), telling `tell` how far it is.
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn fetch_with(
        &self,
        source: &Source,
        dir: impl AsRef<Path>,
        mut tell: impl FnMut(Progress<'_>),
    ) -> Result<(), DownloadError> {
        let dir = dir.as_ref();
        source.check()?;
        let mut missing = Vec::new();
        for file in &source.files {
            if is_there(file, dir)? {
                tell(Progress::Done { file: &file.name });
            } else {
                missing.push(file);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        files::make_folder(dir).map_err(|reason| DownloadError::file(dir, 0, reason))?;
        let _lock = FolderLock::new(dir, || tell(Progress::Waiting))?;
        let mut transfer = Transfer::new(self, source, dir, &mut tell);
        for file in missing {
            // Whoever held the folder may have brought it.
            if !is_there(file, dir)? {
                bring(file, dir, &mut transfer)?;
            }
            transfer.tell(Progress::Done { file: &file.name });
        }
        Ok(())
    }
}

/// Downloads a file and unpacks it, where it is an archive.
fn bring(file: &RemoteFile, dir: &Path, transfer: &mut Transfer<'_>) -> Result<(), DownloadError> {
    let path = dir.join(&file.name);
    // An archive may have arrived, and not been unpacked for want of room.
    if file.members.is_empty() || !is_whole(file, dir)? {
        transfer.fetch(file)?;
    }
    if !file.members.is_empty() {
        transfer.tell(Progress::Unpacking { file: &file.name });
        unpack::unpack(&path, &file.members, dir)?;
        disk::remove(&path).map_err(|reason| DownloadError::file(&path, 0, reason))?;
    }
    Ok(())
}

/// Whether nothing is to be done for `file`: it is whole, or, an archive, unpacked.
fn is_there(file: &RemoteFile, dir: &Path) -> Result<bool, DownloadError> {
    if file.members.is_empty() {
        return is_whole(file, dir);
    }
    let path = dir.join(&file.name);
    record::holds(&path, &file.members, dir)
        .map_err(|reason| DownloadError::file(&path, file.bytes, reason))
}

fn is_whole(file: &RemoteFile, dir: &Path) -> Result<bool, DownloadError> {
    let path = dir.join(&file.name);
    checksum::is_whole(&path, file.bytes, &file.checksum)
        .map_err(|reason| DownloadError::file(&path, file.bytes, reason))
}
