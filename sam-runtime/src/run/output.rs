//! Where a run writes what it tells about itself.

use std::path::Path;

use super::{
    RunConfig, RunError,
    metrics::{Csv, JsonLines, Mean, Record, Sink, Sinks, Throughput, names},
};
use crate::data::Position;

/// The files with the metrics, and the bar.
pub(super) struct Output {
    sinks: Sinks<'static>,
    throughput: Throughput,
}

impl Output {
    /// New files, or those of the run that goes on from step `from`.
    pub(super) fn open(config: &RunConfig, from: Option<u64>) -> Result<Self, RunError> {
        let (jsonl, csv) = (config.out.join("metrics.jsonl"), config.out.join("metrics.csv"));
        let sinks = Sinks::new();
        let sinks = match from {
            None => sinks.and(JsonLines::create(jsonl)?).and(Csv::create(csv)?),
            Some(step) => sinks
                .and(JsonLines::resume(jsonl, step)?)
                .and(Csv::resume(csv, step)?),
        };
        Ok(Self {
            sinks,
            throughput: Throughput::new(),
        })
    }
}
