//! Why a checkpoint could not be written or read.

use std::{io, path::PathBuf};

use crate::{files::failure, optim::StateError};

/// Any failure of this module. The text names the file and what in it is wrong, and says what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file or folder can't be read or written.
    #[error("{}", failure(.path, .action, .reason))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `write`, ...
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// A file of a checkpoint is truncated or was changed.
    #[error(
        "{}: {problem}; the checkpoint is damaged: delete {}, and the run goes on from the one before",
        .path.display(), .manifest.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The JSON file of the checkpoint. Without it, there is none.
        manifest: PathBuf,
    },
    /// The file is of another version of the format, or of another program.
    #[error("{}: is {found}, but this program reads {expected}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// Another process, or another store of this one, saves into the folder.
    #[error("{}: another run writes it; wait for its end, or choose another folder", .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// There is no checkpoint of this step.
    #[error("{}: has no checkpoint of step {step}; there are those of {steps:?}", .dir.display())]
    NoStep {
        /// The folder.
        dir: PathBuf,
        /// The step.
        step: u64,
        /// The steps that are there.
        steps: Vec<u64>,
    },
    /// No checkpoint has a score, so that none is the best.
    #[error("{}: {}", .dir.display(), no_score(*.checkpoints))]
    NoScore {
        /// The folder.
        dir: PathBuf,
        /// How many there are.
        checkpoints: usize,
    },
    /// There are scores, but nothing says which is better.
    #[error(
        "{}: its checkpoints don't say whether the highest or the lowest score is the best one; open the folder \
         with `keep_best(Best::Highest)` or `keep_best(Best::Lowest)`",
        .dir.display()
    )]
    NoGoal {
        /// The folder.
        dir: PathBuf,
    },
    /// Nothing was saved under this name.
    #[error("the checkpoint has no `{name}`; was it written by another program?")]
    Missing {
        /// The name.
        name: String,
    },
    /// Tensors don't fit what they are loaded into, or can't be saved.
    #[error("`{name}`: {reason}")]
    State {
        /// The name that they have in the checkpoint.
        name: String,
        /// What is wrong.
        reason: StateError,
    },
    /// A value is not what it should be, or can't be saved.
    #[error("`{name}`: {reason}")]
    Value {
        /// The name that it has in the checkpoint.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

fn no_score(checkpoints: usize) -> String {
    match checkpoints {
        0 => "has no checkpoint".to_owned(),
        n => format!(
            "none of its {n} checkpoints has a score, so that none is the best one; those of a run have one where its \
             configuration says what is best, as `checkpoints.best = {{ on = \"accuracy\", goal = \"highest\" }}`, others by \
             `Checkpoint::score`"
        ),
    }
}

crate::debug::debug_as_display!(CheckpointError);
