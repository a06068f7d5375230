//! Whether the machine was left alone: what others computed during a measurement.

use std::fs;

use anyhow::{Context, Result};

/// The machine's clock ticks at some moment.
pub struct Ticks {
    /// All cores', idle ones too.
    all: u64,
    /// Those in which a core computed, or the hypervisor had it.
    busy: u64,
    /// This process's, and those of its children that have ended.
    own: u64,
}

impl Ticks {
    /// Now. Call it when the children have ended.
    ///
    /// # Errors
    /// Where the system has no `/proc`.
    pub fn now() -> Result<Self> {
        let machine = fs::read_to_string("/proc/stat").context("can't read /proc/stat")?;
        let process =
            fs::read_to_string("/proc/self/stat").context("can't read /proc/self/stat")?;
        Self::parse(&machine, &process).context("/proc/stat or /proc/self/stat has another form")
    }

    fn parse(machine: &str, process: &str) -> Option<Self> {
        // user nice system idle iowait irq softirq steal; the rest is contained in user and nice.
        let cpu: Vec<u64> = machine
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .take(8)
            .map(|ticks| ticks.parse().ok())
            .collect::<Option<_>>()?;
        let all = cpu.iter().sum();
        // The name, in parentheses, may contain anything; utime is the 12th field behind it, and stime,
        // cutime and cstime follow.
        let own = process
            .rsplit_once(')')?
            .1
            .split_whitespace()
            .skip(11)
            .take(4)
            .map(|ticks| ticks.parse::<u64>().ok())
            .sum::<Option<_>>()?;
        Some(Self {
            all,
            busy: all - cpu.get(3)? - cpu.get(4)?,
            own,
        })
    }

    /// The fraction of the machine that others took since then.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub fn others_since(&self) -> Result<f64> {
        Ok(self.others_until(&Self::now()?))
    }

    fn others_until(&self, now: &Self) -> f64 {
        let busy = (now.busy - self.busy).saturating_sub(now.own - self.own);
        busy as f64 / (now.all - self.all).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_what_is_busy_and_not_own() {
        let before = Ticks::parse(
            "cpu  100 0 50 1000 10 0 0 0 7 0\ncpu0 1 2 3",
            "12 (a) b) S 1 1 1 0 -1 0 0 0 0 0 10 5 0 0 20 0",
        )
        .unwrap();
        assert_eq!((before.all, before.busy, before.own), (1160, 150, 15));
        // 200 more ticks: 100 idle, 60 own, of children; 40 of others, 10 of them stolen.
        let after = Ticks::parse(
            "cpu  190 0 50 1100 10 0 0 10 7 0",
            "12 (a) b) S 1 1 1 0 -1 0 0 0 0 0 10 5 55 5 20 0",
        )
        .unwrap();
        assert_eq!(before.others_until(&after), 0.2);
    }

    #[test]
    fn now_reads_what_the_system_has() {
        let now = Ticks::now().unwrap();
        assert!(now.busy > now.own && now.all > now.busy);
        assert!((0.0..=1.0).contains(&now.others_since().unwrap()));
    }
}
