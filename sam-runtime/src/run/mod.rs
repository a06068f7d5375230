//! What surrounds a training loop: checkpoints, metrics, progress, stopping rules, configuration. The loop
//! stays the user's; [`Run`] brings the parts together, and each can be used alone.
//!
//! | | |
//! |---|---|
//! | [`Run`] | the parts together, asked and told by the loop |
//! | [`RunConfig`], [`load`], [`save`] | a run as a TOML file, or made in Rust; [`load_with`] changes from the command line |
//! | [`checkpoint`] | everything that a run needs to go on as if it had never stopped |
//! | [`best_model`] | the best model of a run, to predict with |
//! | [`metrics`] | what was measured, in files |
//! | [`progress`] | how far an epoch is: a bar, lines, or with the feature `dashboard` a screen of curves |
//! | `plot` | the curves of a run, with the feature `plot` |
//! | [`finder`] | a learning rate and a rho to begin with, from short sweeps |
//! | [`stop`] | what ends a run, and what lowers its learning rate |
//! | [`sweep`] | values of a configuration and seeds, tried one after the other |
//! | [`Ema`] | a running mean of the weights |

mod best;
mod built;
mod calls;
pub mod checkpoint;
mod conditions;
mod config;
mod ema;
mod epochs;
mod error;
pub mod finder;
mod found;
mod kept;
mod left_out;
mod load;
pub mod metrics;
mod number;
mod numbers;
mod output;
#[cfg(feature = "plot")]
pub mod plot;
pub mod progress;
mod ranks;
mod resumed;
mod start;
mod steps;
pub mod stop;
pub mod sweep;
mod used;

pub use best::best_model;
pub use calls::Call;
pub use config::{BestConfig, CheckpointConfig, Count, EmaConfig, LogConfig, RunConfig};
pub use ema::{Ema, EmaBuffers};
pub use error::RunError;
pub use load::{ConfigError, load, load_with, save};
pub use start::Run;

pub use crate::position::Position;
