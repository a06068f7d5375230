//! What ends a run before its last epoch, and what lowers its learning rate.
//!
//! | | |
//! |---|---|
//! | [`Patience`] | how long a value may go without getting better: the core of the two below |
//! | [`EarlyStopping`] | ends the run |
//! | [`Plateau`] | lowers the learning rate |
//! | [`Interrupt`] | Ctrl-C, and the signal to terminate |

mod interrupt;
mod patience;
mod plateau;

pub use interrupt::Interrupt;
pub use patience::{EarlyStopping, Patience};
pub use plateau::{Plateau, PlateauState};

use std::{
    fmt,
    process::{ExitCode, Termination},
};

use serde::{Deserialize, Serialize};

/// Why a run has ended.
///
/// As what `main` returns, also in a `Result`, it is the program's exit status: 0 if the run is done or its loop was left by a
/// condition of its own, and
/// where `resume` goes on another one, so that a script can tell: 75 (`EX_TEMPFAIL`: try again) after the
/// time limit, 130 after Ctrl-C, 128 and the number of any other signal.
///
/// ```
/// use sam_runtime::run::stop::Stop;
///
/// assert_eq!(Stop::TimeLimit.to_string(), "stopped: the time is over; `resume` goes on");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All epochs are done.
    Finished,
    /// What [`EarlyStopping`] watches got no better.
    NoProgress,
    /// Ctrl-C, or the signal to terminate. The run can be resumed.
    Interrupted,
    /// Its time is over. The run can be resumed.
    TimeLimit,
    /// It was a dry run: one batch of everything.
    DryRun,
    /// The loop was left after an epoch that is not the last one, by a condition of its own. The run can be resumed.
    Left,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "all epochs are done",
            Self::NoProgress => "stopped: no more progress",
            Self::Interrupted => "interrupted; `resume` goes on",
            Self::TimeLimit => "stopped: the time is over; `resume` goes on",
            Self::DryRun => "the dry run is done: everything works",
            Self::Left => "the loop was left before all epochs were done; `resume` goes on",
        })
    }
}

impl Termination for Stop {
    fn report(self) -> ExitCode {
        match self {
            Self::Finished | Self::NoProgress | Self::DryRun | Self::Left => ExitCode::SUCCESS,
            Self::TimeLimit => ExitCode::from(75),
            Self::Interrupted => ExitCode::from(Interrupt::status()),
        }
    }
}
