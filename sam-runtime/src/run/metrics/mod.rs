//! The numbers of a run: how to take them over an epoch, and files to keep them in.
//!
//! | what | |
//! |---|---|
//! | [`Record`] | what was measured at one step |
//! | [`Mean`], [`Accuracy`], [`Throughput`] | taken over the batches of an epoch |
//! | [`JsonLines`], [`Csv`], `TensorBoard` (feature `tensorboard`), [`Sinks`] | where records go |
//! | [`read_jsonl`] | records back from a file |
//!
//! ```
//! use sam_runtime::run::metrics::{Csv, JsonLines, Mean, Record, Sink, Sinks, read_jsonl};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let mut sinks = Sinks::new()
//!     .and(JsonLines::create(dir.join("metrics.jsonl"))?)
//!     .and(Csv::create(dir.join("metrics.csv"))?);
//! let mut loss = Mean::new();
//! for batch_loss in [2.0, 1.5, 1.0] {
//!     loss.add(batch_loss, 128);
//! }
//! sinks.write(&Record::new(3, 1.0, "train").with("loss", loss.value()).with("rho", 0.05))?;
//! sinks.flush()?;
//! assert_eq!(read_jsonl(dir.join("metrics.jsonl"))?[0].get("loss"), Some(1.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Resuming
//! A run that was cut off has often written records after its last checkpoint, and perhaps half a
//! line. `resume(path, step)`, with the step of that checkpoint, drops those and nothing else; the
//! steps are then recorded again as they are done again.

mod append;
mod csv;
mod error;
mod jsonl;
mod mean;
mod record;
mod sink;
#[cfg(feature = "tensorboard")]
mod tensorboard;
mod throughput;

pub use self::{
    csv::Csv,
    error::MetricsError,
    jsonl::{JsonLines, read_jsonl},
    mean::Mean,
    record::{Record, names},
    sink::{Sink, Sinks},
    throughput::Throughput,
};
pub use crate::analysis::metrics::Accuracy;
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
