//! What can go wrong with a download, in words that say what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Checksum;

/// Why a download failed.
///
/// The text names the URL or file, what is wrong with it, and what to do. What has arrived is kept
/// wherever it can be used: the next call goes on from there.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No connection: no network, an unknown host, a closed port, or a certificate that does not hold.
    #[error(
        "{url}: no connection ({reason}); check the network, and HTTPS_PROXY if there is a proxy, or \
         choose another mirror"
    )]
    Connect {
        /// The URL asked for.
        url: String,
        /// The reason, in the words of the system or the HTTP client.
        reason: String,
    },
    /// The server answered with another status than that the file follows.
    #[error(
        "{url}: the server answered with status {status}; {}",
        if *.status >= 500 { "try again later, or choose another mirror" } else { "choose another mirror" }
    )]
    Status {
        /// The URL asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Nothing arrived for too long.
    #[error(
        "{url}: nothing arrived for {after:?}, after {received} of {expected} bytes; try again, it goes on \
         from there, or allow a longer stall"
    )]
    Stalled {
        /// The URL asked for.
        url: String,
        /// How long was waited.
        after: Duration,
        /// Bytes that are there, with those of earlier tries.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The connection ended before the file did.
    #[error(
        "{url}: the connection ended after {received} of {expected} bytes; try again, it goes on from there"
    )]
    Truncated {
        /// The URL asked for.
        url: String,
        /// Bytes that are there, with those of earlier tries.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server offers a file of another size.
    #[error(
        "{url}: the server's file has {}, but {expected} bytes are expected; it is another file, or a web \
         page in its place, so choose another mirror",
        .found.map_or("more bytes".into(), |found| format!("{found} bytes"))
    )]
    Size {
        /// The URL asked for.
        url: String,
        /// Bytes on the server; `None` where it did not say, and sent too many.
        found: Option<u64>,
        /// Bytes of the published file.
        expected: u64,
    },
    /// A whole file arrived, but not the published one.
    #[error(
        "{url}: what arrived has the checksum {found}, but {expected} is published; it was damaged on the \
         way or changed on the server, so it was thrown away: try again, or choose another mirror"
    )]
    Checksum {
        /// The URL asked for.
        url: String,
        /// The published sum.
        expected: Checksum,
        /// The sum of what arrived.
        found: Checksum,
    },
    /// The server's answer can't be understood, or leads nowhere.
    #[error("{url}: the answer makes no sense ({reason}); choose another mirror")]
    Protocol {
        /// The URL asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Every mirror failed.
    #[error(
        "{file}: no mirror of {name} has it to give:{}",
        .errors.iter().map(|error| format!("\n  {error}")).collect::<String>()
    )]
    Mirrors {
        /// The data set.
        name: String,
        /// The file.
        file: String,
        /// What happened at each mirror, in their order.
        errors: Vec<DownloadError>,
    },
    /// There is no room for a file.
    #[error("{}: the disk is full; make room for {bytes} bytes and try again", .path.display())]
    DiskFull {
        /// The file that was written.
        path: PathBuf,
        /// Bytes that the whole file needs.
        bytes: u64,
    },
    /// A file or folder can't be read or written.
    #[error("{}: {reason}; check that the folder is there and may be written to", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// An archive arrived whole, but can't be unpacked.
    #[error("{}: {problem}", .path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: ArchiveProblem,
    },
    /// A [`Source`](super::Source) that can't be right.
    #[error("{name}: {problem}")]
    Source {
        /// The data set.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

crate::debug::debug_as_display!(DownloadError);

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// It is no gzipped tar archive, or a damaged one.
    #[error("it is no whole .tar.gz archive ({0}); remove it and download it again")]
    Read(io::Error),
    /// A path in it leads out of the folder that it is unpacked to.
    #[error("`{member}` in it leads out of the folder; don't trust it: nothing was unpacked")]
    Unsafe {
        /// The path.
        member: String,
    },
    /// A file that should be in it is not.
    #[error("`{member}` is not in it; is it another archive?")]
    Missing {
        /// The path.
        member: String,
    },
    /// A file in it has another size.
    #[error("`{member}` in it has {found} bytes instead of {expected}; is it another archive?")]
    Size {
        /// The path.
        member: String,
        /// Bytes in the archive.
        found: u64,
        /// Bytes that were expected.
        expected: u64,
    },
    /// What should be a file is a link, a folder or another thing, or is there twice.
    #[error("`{member}` in it is not one plain file; don't trust it: nothing was unpacked")]
    NotPlain {
        /// The path.
        member: String,
    },
}

impl DownloadError {
    /// A failure to read or write `path`, which will have `bytes` bytes.
    pub(super) fn file(path: &Path, bytes: u64, reason: io::Error) -> Self {
        let path = path.into();
        match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, bytes }
            }
            _ => Self::File { path, reason },
        }
    }

    /// Whether the same mirror may give the file a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Stalled { .. } | Self::Truncated { .. } => true,
            // Request timeout, too early, too many requests; the server's own errors.
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether it comes from a mirror, and another one may do better.
    pub(super) fn is_mirrors(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Size { .. }
            | Self::Checksum { .. }
            | Self::Protocol { .. } => true,
            other => other.may_pass(),
        }
    }

    /// Whether a try that began in the middle of a file, and ended so, may do better from its beginning:
    /// the two halves don't fit, or the server can't find the middle.
    pub(super) fn is_misfit(&self) -> bool {
        match self {
            Self::Checksum { .. } | Self::Protocol { .. } => true,
            Self::Status { status, .. } => *status == 416,
            _ => false,
        }
    }
}
