//! What the dashboard knows: where the run is, its curves, its last lines.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    super::{
        super::metrics::{Record, Throughput},
        text,
    },
    history::History,
    panels::{self, Place},
};

/// Curves that are kept at most: more than a screen has room for.
const MOST_CURVES: usize = 64;

/// Lines that are kept at most.
const MOST_LINES: usize = 1000;

/// What a [`Dashboard`](super::Dashboard) shows, as a ratatui widget: for a terminal program of your own, or as
/// [text](Self::text).
///
/// ```
/// use sam_runtime::run::{metrics::Record, progress::Board};
///
/// let mut board = Board::new("runs/cifar10");
/// board.begin_epoch(0, 30, 0, 390);
/// for step in 1..=200 {
///     let loss = 2.3 / (1.0 + 0.01 * step as f64);
///     board.step([("loss", loss), ("learning_rate", 0.1), ("rho", 0.05)]);
///     let record = Record::new(step, step as f64 / 390.0, "train");
///     board.record(&record.with("loss", loss).with("gradient_norm", 1.5));
/// }
/// board.println("a checkpoint was written");
/// let text = board.text(80, 24);
/// assert!(text.contains("epoch 1/30") && text.contains("200/390"));
/// assert!(text.contains("gradient norm") && text.contains("a checkpoint was written"));
/// ```
///
/// It keeps a bounded number of points, of which no peak is missing, and the last 1000 lines.
#[derive(Clone, Debug)]
pub struct Board {
    pub(super) title: String,
    pub(super) epoch: usize,
    pub(super) epochs: usize,
    /// Batches of the epoch that are done, those before a resume included.
    pub(super) done: u64,
    pub(super) batches: u64,
    /// Of which this many were done by this process.
    pub(super) own: u64,
    /// The values of the last step.
    pub(super) values: Vec<(String, f64)>,
    pub(super) curves: Vec<Curve>,
    lines: VecDeque<String>,
    /// How many of the last lines nobody has seen but on the board.
    fresh: usize,
    /// Of the epoch, but for pauses.
    clock: Throughput,
    /// Its time at the last step.
    spent: Duration,
    started: Instant,
    /// Epochs that were done when this process began.
    from: Option<f64>,
}

/// One curve of a panel.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    split: String,
    name: String,
    pub(super) place: Place,
    pub(super) history: History,
}

impl Board {
    /// An empty board with this title, such as the folder of the run.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            epoch: 0,
            epochs: 0,
            done: 0,
            batches: 0,
            own: 0,
            values: Vec::new(),
            curves: Vec::new(),
            lines: VecDeque::new(),
            fresh: 0,
            clock: Throughput::start(),
            spent: Duration::ZERO,
            started: Instant::now(),
            from: None,
        }
    }

    /// Begins an epoch, of which `done` of `batches` are done already; `epoch` counts from 0.
    pub fn begin_epoch(&mut self, epoch: usize, epochs: usize, done: u64, batches: u64) {
        (self.epoch, self.epochs) = (epoch, epochs);
        (self.done, self.batches, self.own) = (done, batches, 0);
        (self.clock, self.spent) = (Throughput::start(), Duration::ZERO);
        let position = self.position();
        self.from.get_or_insert(position);
    }

    /// One step is done; these are its values.
    pub fn step<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.done = self.done.saturating_add(1);
        self.own += 1;
        self.spent = self.clock.elapsed();
        let mut count = 0;
        for (at, (name, value)) in values.into_iter().enumerate() {
            count = at + 1;
            match self.values.get_mut(at) {
                Some(old) if old.0 == name => old.1 = value,
                Some(old) => *old = (name.to_owned(), value),
                None => self.values.push((name.to_owned(), value)),
            }
        }
        self.values.truncate(count);
    }

    /// Takes the values of a record into its curves, one for each name and split, over the epochs.
    pub fn record(&mut self, record: &Record) {
        for (name, value) in record.values() {
            let own = |curve: &Curve| curve.name == name && curve.split == record.split;
            let at = match self.curves.iter().position(own) {
                Some(at) => at,
                None if self.curves.len() < MOST_CURVES => {
                    let Some(place) = panels::place(&record.split, name) else {
                        continue;
                    };
                    self.curves.push(Curve {
                        split: record.split.to_string(),
                        name: name.to_owned(),
                        place,
                        history: History::new(),
                    });
                    self.curves.len() - 1
                }
                None => continue,
            };
            self.curves[at].history.push(record.epoch, value);
        }
    }

    /// Adds a line to the last ones; of a text with line breaks, several.
    pub fn println(&mut self, line: &str) {
        for line in line.lines() {
            self.lines.push_back(line.to_owned());
            self.fresh += 1;
        }
        while self.lines.len() > MOST_LINES {
            self.lines.pop_front();
        }
        self.fresh = self.fresh.min(self.lines.len());
    }

    /// Ends an epoch, with a line that says what it has come to.
    pub fn end_epoch<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        let (epoch, epochs, done) = (self.epoch + 1, self.epochs, self.own);
        let (time, rate) = (text::duration(self.spent), self.rate());
        let start = format!("epoch {epoch}/{epochs}: {done} steps in {time}, {rate}");
        self.println(&text::line(start, values));
    }

    /// Stops the epoch's clock, for what is no step, such as writing a checkpoint.
    pub fn pause(&mut self) {
        self.clock.pause();
    }

    /// Lets the clock run on.
    pub fn resume(&mut self) {
        self.clock.resume();
    }

    /// The lines that were added since this was last called.
    pub(super) fn take_fresh(&mut self) -> Vec<String> {
        let fresh = std::mem::take(&mut self.fresh);
        self.lines
            .range(self.lines.len() - fresh..)
            .cloned()
            .collect()
    }

    /// The last `count` lines.
    pub(super) fn last_lines(&self, count: usize) -> impl Iterator<Item = &str> {
        let from = self.lines.len().saturating_sub(count);
        self.lines.range(from..).map(String::as_str)
    }

    /// Epochs done, with their fraction.
    fn position(&self) -> f64 {
        self.epoch as f64 + self.done as f64 / self.batches.max(1) as f64
    }

    /// The share of the epoch that is done.
    pub(super) fn share(&self) -> f64 {
        (self.done as f64 / self.batches.max(1) as f64).clamp(0.0, 1.0)
    }

    /// Steps per second of this epoch.
    pub(super) fn rate(&self) -> String {
        text::rate(self.own as f64 / self.spent.as_secs_f64(), None)
    }

    /// The time that the rest of the epoch takes; `None` before its first step.
    pub(super) fn epoch_left(&self) -> Option<String> {
        let left = self.batches.saturating_sub(self.done) as f64;
        let seconds = self.spent.as_secs_f64() / self.own as f64 * left;
        self.shown(seconds, self.own > 0)
    }

    /// The time that the rest of the run takes, evaluations included; `None` before its first step.
    pub(super) fn run_left(&self) -> Option<String> {
        let done = self.position() - self.from?;
        let left = (self.epochs as f64 - self.position()).max(0.0);
        let seconds = self.started.elapsed().as_secs_f64() / done * left;
        self.shown(seconds, done > 0.0)
    }

    fn shown(&self, seconds: f64, is_known: bool) -> Option<String> {
        let time = Duration::try_from_secs_f64(seconds).ok();
        time.filter(|_| is_known).map(text::duration)
    }

    /// How long this process has run.
    pub(super) fn elapsed(&self) -> String {
        text::duration(self.started.elapsed())
    }
}
