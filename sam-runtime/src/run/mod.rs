//! What surrounds a training loop: checkpoints, stopping rules, configuration, and what it tells about
//! itself.
//!
//! | | |
//! |---|---|
//! | [`RunConfig`], [`load`], [`save`] | a run as a TOML file, with changes from the command line |
//! | [`checkpoint`] | everything that a run needs to go on as if it had never stopped |
//! | [`stop`] | what ends a run, and what lowers its learning rate |
//! | [`Ema`] | a running mean of the weights |

pub mod checkpoint;
mod config;
mod ema;
mod load;
pub mod stop;

pub use config::{BestConfig, CheckpointConfig, Count, EmaConfig, LogConfig, RunConfig};
pub use ema::{Ema, EmaBuffers};
pub use load::{ConfigError, load, save};
