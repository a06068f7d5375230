//! Why a sweep can't go on.

use std::{io, path::PathBuf};

use crate::{
    files::failure,
    run::{ConfigError, checkpoint::CheckpointError},
};

/// Why a [`Sweep`](super::Sweep) can't begin, or go on. What a single trial fails of is none: that stands in the table.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The configuration that trials begin from has no TOML form.
    #[error("the configuration that the sweep begins from: {reason}")]
    Base {
        /// Why.
        reason: String,
    },
    /// A key of the sweep can't be tried so.
    #[error("the sweep's `{key}` {problem}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// With its values, a trial's configuration is not what the program takes.
    #[error("the trial {trial}: {reason}")]
    Trial {
        /// The trial.
        trial: String,
        /// What is wrong.
        reason: ConfigError,
    },
    /// A trial was begun with another configuration.
    #[error(
        "{}: this trial was begun with another configuration ({}); give the sweep another folder, or remove the trial's folder to run it anew",
        .path.display(), .lines.join("; ")
    )]
    Changed {
        /// The trial's folder.
        path: PathBuf,
        /// What is another.
        lines: Vec<String>,
    },
    /// What a trial has left can't be read.
    #[error("{}: {reason}; remove it, and the trial is gone on with", .path.display())]
    Result {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder of the sweep can't be read or written.
    #[error("{}", failure(.path, .action, .reason))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `write` or `make`.
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another process is at the same sweep, or its folder can't be locked.
    #[error(transparent)]
    Lock(#[from] CheckpointError),
    /// The picture can't be drawn.
    #[cfg(feature = "plot")]
    #[error(transparent)]
    Plot(#[from] crate::plot::PlotError),
}

crate::debug::debug_as_display!(SweepError);
