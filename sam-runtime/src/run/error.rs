//! Why a run could not go on.

use std::{io, path::PathBuf};

use super::{calls::Call, checkpoint::CheckpointError, load::ConfigError, metrics::MetricsError};
use crate::{distributed::WorldError, files::failure, optim::StateError, position::Position};

/// Any failure of a [`Run`](super::Run).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The loss is NaN or infinite.
    #[error(
        "the loss of step {step} is {loss}; {}; lower the learning rate or rho, clip the gradient, or look for \
         NaN in the data", place(.last.as_ref())
    )]
    NonFinite {
        /// The loss.
        loss: f64,
        /// Updates before it.
        step: u64,
        /// The last good checkpoint.
        last: Option<PathBuf>,
    },
    /// The folder is that of an earlier run.
    #[error(
        "{}: has the checkpoints of an earlier run; set `resume = true` to go on with it, or choose another \
         folder `out`",
        .out.display()
    )]
    Exists {
        /// The folder.
        out: PathBuf,
    },
    /// A key of the configuration contradicts another one.
    #[error("the configuration's `{key}` {problem}")]
    Key {
        /// The key.
        key: &'static str,
        /// Why.
        problem: String,
    },
    /// The run was to go on in the middle of an epoch of other batches. [`Run::next_epoch`] then gives no
    /// epoch, and [`Run::finish`] this error, or else [`Run::step`] gives it.
    ///
    /// [`Run::next_epoch`]: super::Run::next_epoch
    /// [`Run::finish`]: super::Run::finish
    /// [`Run::step`]: super::Run::step
    #[error(
        "resumed after batch {} of epoch {}, whose batches were {was}; now they are {is}, and that is no \
         place among them: go on with those that they were, with `epochs = {}` up to the epoch's end, and \
         change them then; or begin another run",
        .position.batch, .position.epoch + 1, .position.epoch + 1
    )]
    Position {
        /// Where the run was.
        position: Position,
        /// What its batches were.
        was: String,
        /// What they are.
        is: String,
    },
    /// The loop leaves out a call that the run needs. [`Run::step`] and [`Run::end_epoch`] give this error;
    /// [`Run::next_epoch`] then gives no epoch, and [`Run::finish`] this error.
    ///
    /// [`Run::next_epoch`]: super::Run::next_epoch
    /// [`Run::step`]: super::Run::step
    /// [`Run::end_epoch`]: super::Run::end_epoch
    /// [`Run::finish`]: super::Run::finish
    #[error(
        "`{}` was not called: in epoch {}, after {} batches, {what}; {}",
        .call.name(), .position.epoch + 1, .position.batch, .call.advice()
    )]
    Forgotten {
        /// The call.
        call: Call,
        /// Where the run is.
        position: Position,
        /// How that shows.
        what: &'static str,
    },
    /// A rule watches a value that the evaluation doesn't give.
    #[error("the configuration watches `{on}`, but an epoch gives {}", .known.join(", "))]
    Value {
        /// What is watched.
        on: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file or folder of the run can't be written.
    #[error("{}", failure(.path, .action, .reason))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `write` or `remove`.
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// The ranks that the run is on can't go on together.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A checkpoint can't be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A record can't be written.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The configuration can't be written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The curves can't be drawn.
    #[cfg(feature = "plot")]
    #[error(transparent)]
    Plot(#[from] super::plot::PlotError),
    /// The running mean of the weights can't be updated or saved.
    #[error("the running mean of the weights: {0}")]
    Ema(#[from] StateError),
}

crate::debug::debug_as_display!(RunError);

fn place(last: Option<&PathBuf>) -> String {
    match last {
        Some(path) => format!("the last good checkpoint is {}", path.display()),
        None => "there is no checkpoint yet".to_owned(),
    }
}
