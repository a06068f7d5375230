//! Why metrics could not be written or read.

use std::{io, path::PathBuf};

use crate::files::failure;

/// Any failure of this module. The text names the file, line or value at fault, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A file or folder can't be read or written.
    #[error("{}", failure(.path, .action, .reason))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `open`, `read`, `write`, `replace`, ...
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// A new run would write into the metrics of another.
    #[error(
        "{}: holds the metrics of an earlier run; `resume` it, or choose another folder",
        .path.display()
    )]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Another process, or another sink of this one, writes the file.
    #[error(
        "{}: another run writes it; wait for its end, or choose another folder",
        .path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line of a file is no record. Only a half-written last line is passed over.
    #[error(
        "{}, line {line}: {problem}; repair or delete the line, or begin a new file",
        .path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A split or value has a name that files can't hold.
    #[error("`{}` can't be the name of a {what}: {problem}", .name.escape_debug())]
    Name {
        /// `split` or `value`.
        what: &'static str,
        /// The name.
        name: String,
        /// Why not, and what to do.
        problem: &'static str,
    },
    /// A step is larger than a file's format holds.
    #[error("step {step} is above {limit}, the last that this file's format holds; count from 0")]
    Step {
        /// The step.
        step: u64,
        /// The largest step possible.
        limit: u64,
    },
}

crate::debug::debug_as_display!(MetricsError);
