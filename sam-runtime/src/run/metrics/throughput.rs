//! Samples per second, pauses left out.

use std::time::{Duration, Instant};

/// Counts samples and the time spent on them; evaluation and checkpoints in between are paused away.
///
/// ```
/// use sam_runtime::run::metrics::Throughput;
///
/// let mut speed = Throughput::start();
/// speed.add(128); // a batch is done
/// speed.pause();
/// // evaluate
/// speed.resume();
/// speed.add(128);
/// assert_eq!(speed.samples(), 256);
/// assert!(speed.per_second() > 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Throughput {
    samples: u64,
    /// Time before the last pause.
    before: Duration,
    /// When the clock began to run again; `None` in a pause.
    since: Option<Instant>,
}

impl Throughput {
    /// A meter whose clock runs.
    pub fn start() -> Self {
        Self::start_at(Instant::now())
    }

    /// Samples that were done.
    pub fn add(&mut self, samples: usize) {
        self.samples += samples as u64;
    }

    /// Stops the clock. Nothing happens in a pause.
    pub fn pause(&mut self) {
        self.pause_at(Instant::now());
    }

    /// Lets the clock run on. Nothing happens outside a pause.
    pub fn resume(&mut self) {
        self.resume_at(Instant::now());
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Time so far, without pauses.
    pub fn elapsed(&self) -> Duration {
        self.elapsed_at(Instant::now())
    }

    /// Samples per second; 0 where no time has passed.
    pub fn per_second(&self) -> f64 {
        self.per_second_at(Instant::now())
    }

    // The clock as an argument, for tests.
    fn start_at(now: Instant) -> Self {
        Self {
            samples: 0,
            before: Duration::ZERO,
            since: Some(now),
        }
    }

    fn pause_at(&mut self, now: Instant) {
        self.before = self.elapsed_at(now);
        self.since = None;
    }

    fn resume_at(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    fn elapsed_at(&self, now: Instant) -> Duration {
        let running = self.since.map(|since| now.saturating_duration_since(since));
        self.before + running.unwrap_or_default()
    }

    fn per_second_at(&self, now: Instant) -> f64 {
        let seconds = self.elapsed_at(now).as_secs_f64();
        if seconds == 0.0 {
            0.0
        } else {
            self.samples as f64 / seconds
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_count() {
        let zero = Instant::now();
        let at = |seconds| zero + Duration::from_secs(seconds);
        let mut speed = Throughput::start_at(zero);
        assert_eq!(speed.per_second_at(zero), 0.0);
        speed.add(100);
        assert_eq!(speed.per_second_at(at(2)), 50.0);
        speed.pause_at(at(4));
        speed.pause_at(at(6));
        assert_eq!(speed.elapsed_at(at(100)), Duration::from_secs(4));
        speed.resume_at(at(100));
        speed.resume_at(at(101));
        speed.add(100);
        assert_eq!(speed.elapsed_at(at(104)), Duration::from_secs(8));
        assert_eq!(speed.per_second_at(at(104)), 25.0);
        // A clock that goes back counts as standing still.
        assert_eq!(speed.elapsed_at(at(50)), Duration::from_secs(4));
    }
}
