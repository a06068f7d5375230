//! Why a sweep could not be made.

use std::error::Error;

use super::sweep::shown;
use crate::optim::StateError;

/// Why a sweep could not be made. The model and the optimizer are then what they were.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FinderError {
    /// A setting is out of range.
    #[error("the finder's `{name}` {problem}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A step, or the evaluation after it, failed.
    #[error("step {step} of the sweep, with {name} {}, failed: {reason}", shown(*.value))]
    Step {
        /// `learning rate` or `rho`.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Steps that were made with the same or, of learning rates, with smaller values.
        step: usize,
        /// Why.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// What the method of the steps keeps can't be read or put back.
    #[error(
        "what the method keeps from step to step can't be saved for the time of the sweep: {0}"
    )]
    Method(#[from] StateError),
}

crate::debug::debug_as_display!(FinderError);
