//! Where a run writes what it tells about itself.

#[cfg(feature = "dashboard")]
use super::progress::Dashboard;
use super::{
    RunConfig, RunError,
    metrics::{Csv, JsonLines, Record, Sink, Sinks, Throughput, names},
    progress::{Progress, tell},
};
use crate::position::Position;

/// Draws the curves of all records.
#[cfg(feature = "plot")]
fn curves(config: &RunConfig) -> Result<(), RunError> {
    use super::{metrics::read_jsonl, plot::Curves};

    let records = read_jsonl(config.out.join("metrics.jsonl"))?;
    if records.is_empty() {
        return Ok(());
    }
    let curves = Curves::new(&records);
    curves.save(config.out.join("curves.svg"))?;
    curves.save(config.out.join("curves.png"))?;
    Ok(())
}

#[cfg(not(feature = "plot"))]
fn curves(_: &RunConfig) -> Result<(), RunError> {
    Ok(())
}

/// The split of what is recorded step by step.
pub(super) const TRAIN: &str = "train";

/// The files with the metrics, and the bar or the dashboard.
pub(super) struct Output {
    /// Whether this is that of another rank.
    is_none: bool,
    sinks: Sinks<'static>,
    /// Since the last record of training, the time between epochs and that of checkpoints left out.
    throughput: Throughput,
    progress: Option<Progress>,
    /// In the place of all bars.
    #[cfg(feature = "dashboard")]
    dashboard: Option<Dashboard>,
}

/// The dashboard, if the configuration asks for one and there is a terminal; of a run that goes on, with its curves so far.
#[cfg(feature = "dashboard")]
fn dashboard(config: &RunConfig) -> Result<Option<Dashboard>, RunError> {
    use super::{metrics::read_jsonl, progress::Board};

    if !(config.log.progress && config.log.dashboard) {
        return Ok(None);
    }
    let mut board = Board::new(config.out.display().to_string());
    if config.resume {
        for record in read_jsonl(config.out.join("metrics.jsonl"))? {
            board.record(&record);
        }
    }
    Ok(Dashboard::of(board))
}

/// Says that there is none.
#[cfg(not(feature = "dashboard"))]
fn no_dashboard(config: &RunConfig) {
    if config.log.progress && config.log.dashboard {
        tell(
            "`log.dashboard` asks for the dashboard, which this program is built without: build it with the feature \
             `dashboard` of sam-runtime; a bar takes its place",
        );
    }
}

impl Output {
    /// That of a rank that writes nothing.
    pub(super) fn none() -> Self {
        Self {
            is_none: true,
            sinks: Sinks::new(),
            throughput: Throughput::start(),
            progress: None,
            #[cfg(feature = "dashboard")]
            dashboard: None,
        }
    }

    /// New files, or, if the configuration says so, those of the run that goes on from step `from`, which is
    /// at `position`.
    pub(super) fn open(
        config: &RunConfig,
        from: u64,
        position: Position,
    ) -> Result<Self, RunError> {
        let jsonl = config.out.join("metrics.jsonl");
        let csv = config.out.join("metrics.csv");
        let sinks = Sinks::new();
        // Within an epoch, or before its evaluation, what an epoch's end has recorded is yet to come.
        let is_within = position.batch > 0;
        let stays = |step: u64, split: &str| {
            step < from || (step == from && (split == TRAIN || !is_within))
        };
        let sinks = if config.resume {
            sinks
                .and(JsonLines::resume_with(&jsonl, stays)?)
                .and(Csv::resume_with(&csv, stays)?)
        } else {
            sinks
                .and(JsonLines::create(&jsonl)?)
                .and(Csv::create(&csv)?)
        };
        #[cfg(feature = "tensorboard")]
        let sinks = {
            use super::metrics::{TensorBoard, read_jsonl};
            let dir = config.out.join("tensorboard");
            if config.resume {
                // An event file forgets whole steps.
                let forgets = from.saturating_sub(u64::from(is_within));
                let mut board = TensorBoard::resume(dir, forgets)?;
                for record in read_jsonl(&jsonl)? {
                    if record.step > forgets {
                        board.write(&record)?;
                    }
                }
                sinks.and(board)
            } else {
                sinks.and(TensorBoard::create(dir)?)
            }
        };
        #[cfg(not(feature = "dashboard"))]
        no_dashboard(config);
        Ok(Self {
            is_none: false,
            sinks,
            throughput: Throughput::start(),
            progress: None,
            #[cfg(feature = "dashboard")]
            dashboard: dashboard(config)?,
        })
    }

    /// Begins an epoch at `position`, of `batches` batches.
    pub(super) fn begin_epoch(&mut self, config: &RunConfig, position: Position, batches: usize) {
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            let (done, batches) = (position.batch as u64, batches as u64);
            dashboard.begin_epoch(position.epoch, config.epochs, done, batches);
            self.throughput = Throughput::start();
            return;
        }
        let left = batches.saturating_sub(position.batch);
        let mut title = format!("epoch {}/{}", position.epoch + 1, config.epochs);
        if position.batch > 0 {
            title = format!("{title}, resumed after batch {}", position.batch);
        }
        let is_shown = config.log.progress && !self.is_none;
        self.progress = is_shown.then(|| Progress::new(title, left as u64));
        self.throughput = Throughput::start();
    }

    /// Prints a line, above the bar where there is one.
    pub(super) fn say(&mut self, line: &str) {
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.println(line);
        }
        match &mut self.progress {
            Some(progress) => progress.println(line),
            None if self.is_none => {}
            None => tell(line),
        }
    }

    /// Stops the clocks: what follows is no training.
    pub(super) fn pause(&mut self) {
        self.throughput.pause();
        if let Some(progress) = &mut self.progress {
            progress.pause();
        }
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.pause();
        }
    }

    /// Lets the clocks run on.
    pub(super) fn resume(&mut self) {
        self.throughput.resume();
        if let Some(progress) = &mut self.progress {
            progress.resume();
        }
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.resume();
        }
    }

    /// Counts the samples of a batch of training.
    pub(super) fn saw(&mut self, samples: usize) {
        self.throughput.add(samples);
    }

    /// Shows that a step was done.
    pub(super) fn step(&mut self, loss: f64, lr: f64, rho: Option<f64>) {
        let values = [(names::LOSS, loss), (names::LEARNING_RATE, lr)];
        let values = values.into_iter().chain(rho.map(|rho| (names::RHO, rho)));
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.step(values);
        }
        if let Some(progress) = &mut self.progress {
            progress.step(values);
        }
    }

    /// Shows what an epoch has come to: its training loss, and what an evaluation has found.
    pub(super) fn end_epoch(&mut self, loss: f64, found: impl Iterator<Item = (String, f64)>) {
        let loss = (!loss.is_nan()).then_some((names::LOSS, loss));
        let found: Vec<(String, f64)> = found.collect();
        let found = found.iter().map(|(name, value)| (&**name, *value));
        let values = loss.into_iter().chain(found);
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.end_epoch(values);
        }
        if let Some(progress) = self.progress.take() {
            progress.finish(values);
        }
    }

    /// Writes a record of training, with the speed since the last one.
    pub(super) fn training(&mut self, record: Record) -> Result<(), RunError> {
        let speed = std::mem::replace(&mut self.throughput, Throughput::start());
        let record = match speed.samples() {
            0 => record,
            _ => record.with(names::SAMPLES_PER_SECOND, speed.per_second()),
        };
        self.record(&record)
    }

    /// Writes a record.
    pub(super) fn record(&mut self, record: &Record) -> Result<(), RunError> {
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.record(record);
        }
        Ok(self.sinks.write(record)?)
    }

    /// Has all records on the disk.
    pub(super) fn flush(&mut self) -> Result<(), RunError> {
        Ok(self.sinks.flush()?)
    }

    /// Ends the run's output: with the feature `plot`, with its curves. Says where it is, if the configuration
    /// asks for progress.
    pub(super) fn finish(&mut self, config: &RunConfig) -> Result<(), RunError> {
        self.progress = None;
        #[cfg(feature = "dashboard")]
        drop(self.dashboard.take());
        if self.is_none {
            return Ok(());
        }
        self.flush()?;
        curves(config)?;
        if config.log.progress {
            let out = config.out.display();
            tell(&format!(
                "checkpoints, metrics and configuration are in {out}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{thread::sleep, time::Duration};

    use super::*;

    #[test]
    fn only_training_counts_for_the_speed() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("out = {:?}\nepochs = 2\noptimizer.kind = 'sgd'", dir.path());
        let config: RunConfig = toml::from_str(&text).unwrap();
        let mut output = Output::open(&config, 0, Position::default()).unwrap();
        let pause = Duration::from_millis(1500);
        for epoch in 0..2 {
            output.begin_epoch(&config, Position { epoch, batch: 0 }, 2);
            output.saw(8);
            output.pause();
            sleep(pause);
            output.resume();
            let record = Record::new(epoch as u64, epoch as f64, "train");
            output.training(record).unwrap();
            output.saw(8);
            output.step(1.0, 0.1, None);
            output.end_epoch(1.0, [].into_iter());
            // The evaluation.
            sleep(pause);
        }
        output.flush().unwrap();
        let records = crate::run::metrics::read_jsonl(config.out.join("metrics.jsonl")).unwrap();
        assert_eq!(records.len(), 2);
        for record in records {
            let speed = record.get(names::SAMPLES_PER_SECOND).unwrap();
            // With one of the pauses, below 6.
            assert!(speed > 6.0, "{speed}");
        }
    }
}
