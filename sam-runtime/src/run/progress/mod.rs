//! The progress of an epoch: a bar on a terminal, now and then a line elsewhere. With the feature `dashboard`, a screen of
//! curves in place of the bar: `Dashboard`.

#[cfg(feature = "dashboard")]
mod dashboard;
#[cfg(test)]
mod tests;
mod text;

#[cfg(feature = "dashboard")]
pub use dashboard::{Board, Dashboard};

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::metrics::Throughput;

/// Shows on standard error how far an epoch is, how fast it goes, how long it will take, and the last
/// values of the loss and others.
///
/// On a terminal that is a bar, of which one line stays when the epoch ends. Elsewhere, as in a log
/// file, it is a line every ten seconds at most, and the same line at the end.
///
/// ```
/// use sam_runtime::run::progress::Progress;
///
/// let mut progress = Progress::new("epoch 1/30", 390).samples_per_step(128);
/// for step in 0..390 {
///     let loss = 2.3 - 0.001 * step as f64;
///     progress.step([("loss", loss), ("learning_rate", 0.1)]);
/// }
/// // epoch 1/30: 390 steps in 12 s, 4160 samples/s, loss 1.93, accuracy 31.2 %
/// progress.finish([("loss", 1.93), ("accuracy", 0.312)]);
/// ```
///
/// Time and speed are those of the steps: what follows the last one, such as an evaluation, and
/// [pauses](Self::pause) don't count.
///
/// Dropped before the end, as when a loop is left early or panics, it leaves the terminal as it is.
pub struct Progress {
    title: String,
    steps: u64,
    done: u64,
    samples_per_step: Option<usize>,
    /// Runs but for pauses.
    clock: Throughput,
    /// Its time at the last step.
    spent: Duration,
    out: Output,
}

enum Output {
    Bar(ProgressBar),
    Lines {
        to: Box<dyn Write + Send>,
        every: Duration,
        last: Instant,
    },
    /// After [`Progress::finish`].
    Ended,
}

impl Progress {
    /// The progress of `steps` steps, called `title`, for example `epoch 3/30`.
    pub fn new(title: impl Into<String>, steps: u64) -> Self {
        match io::stderr().is_terminal() {
            true => Self::bar(title.into(), steps, ProgressDrawTarget::stderr()),
            false => Self::lines(title.into(), steps, Box::new(io::stderr())),
        }
    }

    fn bar(title: String, steps: u64, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_prefix(title.clone());
        bar.set_style(style(None));
        Self::with(title, steps, Output::Bar(bar))
    }

    fn lines(title: String, steps: u64, to: Box<dyn Write + Send>) -> Self {
        let (every, last) = (Duration::from_secs(10), Instant::now());
        Self::with(title, steps, Output::Lines { to, every, last })
    }

    fn with(title: String, steps: u64, out: Output) -> Self {
        Self {
            title,
            steps,
            done: 0,
            samples_per_step: None,
            clock: Throughput::start(),
            spent: Duration::ZERO,
            out,
        }
    }

    /// Shows samples per second, of this many in a step, instead of steps per second.
    pub fn samples_per_step(mut self, samples: usize) -> Self {
        self.samples_per_step = Some(samples);
        if let Output::Bar(bar) = &self.out {
            bar.set_style(style(self.samples_per_step));
        }
        self
    }

    /// The least time between two lines where there is no terminal; 10 seconds if not set.
    pub fn every(mut self, time: Duration) -> Self {
        if let Output::Lines { every, .. } = &mut self.out {
            *every = time;
        }
        self
    }

    /// One step is done; these are its values, called as in [`names`](super::metrics::names). Shares
    /// such as `accuracy` are shown in percent.
    pub fn step<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.done += 1;
        self.spent = self.clock.elapsed();
        match &mut self.out {
            Output::Bar(bar) => {
                bar.set_message(text::values(values));
                bar.inc(1);
            }
            Output::Lines { to, every, last } => {
                let now = Instant::now();
                if now - *last >= *every && self.done < self.steps {
                    *last = now;
                    let (done, steps) = (self.done, self.steps);
                    let spent = self.spent;
                    // Of steps without end it is no duration.
                    let left = spent.as_secs_f64() * ((steps - done) as f64 / done as f64);
                    let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
                    let rate = text::rate(done as f64 / spent.as_secs_f64(), self.samples_per_step);
                    let left = text::duration(left);
                    let start = format!("{}: step {done}/{steps}, {rate}, {left} left", self.title);
                    say(to, &text::line(start, values));
                }
            }
            Output::Ended => {}
        }
    }

    /// Stops the clock, for what is no step, such as writing a checkpoint.
    pub fn pause(&mut self) {
        self.clock.pause();
    }

    /// Lets the clock run on.
    pub fn resume(&mut self) {
        self.clock.resume();
    }

    /// Prints a line, above the bar where there is one.
    pub fn println(&mut self, line: &str) {
        match &mut self.out {
            Output::Bar(bar) => bar.println(line),
            Output::Lines { to, .. } => say(to, line),
            Output::Ended => tell(line),
        }
    }

    /// The epoch is over. One line stays: its steps, their time and speed, and these values.
    pub fn finish<'a>(mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        let (spent, done) = (self.spent, self.done);
        let rate = text::rate(done as f64 / spent.as_secs_f64(), self.samples_per_step);
        let time = text::duration(spent);
        let start = format!("{}: {done} steps in {time}, {rate}", self.title);
        let line = text::line(start, values);
        match std::mem::replace(&mut self.out, Output::Ended) {
            Output::Bar(bar) => {
                bar.finish_and_clear();
                bar.println(line);
            }
            Output::Lines { mut to, .. } => say(&mut to, &line),
            Output::Ended => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Output::Bar(bar) = &self.out {
            // The bar stays as it is, and what is printed next stands below it. In a panic indicatif
            // draws nothing: the message is there already.
            bar.abandon();
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Progress");
        debug
            .field("title", &self.title)
            .field("steps", &self.steps);
        debug.field("done", &self.done).finish_non_exhaustive()
    }
}

/// Prints a line on standard error.
pub(super) fn tell(line: &str) {
    say(&mut io::stderr(), line);
}

/// A log that can't be written is no reason to end a training run.
fn say(to: &mut impl Write, line: &str) {
    let _ = writeln!(to, "{line}").and_then(|()| to.flush());
}

/// Two lines, so that 80 columns hold both:
/// ```text
/// epoch 3/30 ━━━━━━━━━━━━━━━━━━━━ 210/390  1320 samples/s  17 s left
///   loss 1.234  accuracy 56.1 %  lr 0.1  rho 0.05
/// ```
fn style(samples_per_step: Option<usize>) -> ProgressStyle {
    let template =
        "{prefix} {bar:20.cyan/black.bright} {pos}/{len}  {rate}  {left} left\n  {wide_msg}";
    ProgressStyle::with_template(template)
        .expect("a template that is well-formed")
        .progress_chars("━╸━")
        .with_key(
            "rate",
            move |state: &ProgressState, w: &mut dyn fmt::Write| {
                let _ = w.write_str(&text::rate(state.per_sec(), samples_per_step));
            },
        )
        .with_key("left", |state: &ProgressState, w: &mut dyn fmt::Write| {
            let _ = w.write_str(&text::duration(state.eta()));
        })
}
