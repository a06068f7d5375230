//! What a download tells while it runs.

use std::time::Duration;

use super::DownloadError;

/// One step of a download, for a progress bar or a log. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another download into the same folder is under way: this one waits for its end.
    Waiting,
    /// A file begins to arrive.
    Started {
        /// The file's name.
        file: &'a str,
        /// Where it comes from.
        url: &'a str,
        /// Bytes that are there already, from an earlier try.
        from: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// Some more of a file has arrived.
    Received {
        /// The file's name.
        file: &'a str,
        /// Bytes that are there now.
        bytes: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// A try failed; the same mirror is asked again.
    Retrying {
        /// The file's name.
        file: &'a str,
        /// Why the try failed.
        error: &'a DownloadError,
        /// The time until the next one.
        wait: Duration,
    },
    /// A mirror failed for good; the next one is asked.
    NextMirror {
        /// The file's name.
        file: &'a str,
        /// Why the mirror failed.
        error: &'a DownloadError,
    },
    /// An archive has arrived, whole, and is unpacked.
    Unpacking {
        /// The archive's name.
        file: &'a str,
    },
    /// A file is there, whole; it may have been there before.
    Done {
        /// The file's name.
        file: &'a str,
    },
}
