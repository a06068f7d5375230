//! Whether the machine was left alone: what others computed during a measurement.

use std::fs;

use anyhow::{Context, Result};

/// The machine's clock ticks at some moment.
pub struct Ticks {
    /// All cores', idle ones too.
    all: u64,
    /// Those in which a core computed, or the hypervisor had it.
    busy: u64,
    /// This process's, and its children's.
    own: u64,
}

impl Ticks {
    /// Now. `children` are those that live from here to the end of the measurement; others are counted
    /// once they have ended.
    ///
    /// # Errors
    /// Where the system has no `/proc`, or a child has ended.
    pub fn now(children: &[u32]) -> Result<Self> {
        let read =
            |path: &str| fs::read_to_string(path).with_context(|| format!("can't read {path}"));
        let mut processes = vec![read("/proc/self/stat")?];
        for child in children {
            processes.push(read(&format!("/proc/{child}/stat"))?);
        }
        Self::parse(&read("/proc/stat")?, &processes).context("/proc/stat has another form")
    }

    fn parse(machine: &str, processes: &[String]) -> Option<Self> {
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
        Some(Self {
            all,
            busy: all - cpu.get(3)? - cpu.get(4)?,
            own: processes
                .iter()
                .map(|process| used(process))
                .sum::<Option<_>>()?,
        })
    }

    /// The fraction of the machine that others took since then.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub fn others_since(&self, children: &[u32]) -> Result<f64> {
        Ok(self.others_until(&Self::now(children)?))
    }

    fn others_until(&self, now: &Self) -> f64 {
        let others = (now.busy - self.busy).saturating_sub(now.own - self.own);
        others as f64 / (now.all - self.all).max(1) as f64
    }
}

/// What a process and its ended children have computed, from its `stat`.
fn used(process: &str) -> Option<u64> {
    // The name, in parentheses, may contain anything; utime is the 12th field behind it, and stime,
    // cutime and cstime follow.
    process
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_what_is_busy_and_not_own() {
        let before = Ticks::parse(
            "cpu  100 0 50 1000 10 0 0 0 7 0\ncpu0 1 2 3",
            &["12 (a) b) S 1 1 1 0 -1 0 0 0 0 0 10 5 0 0 20 0".to_owned()],
        )
        .unwrap();
        assert_eq!((before.all, before.busy, before.own), (1160, 150, 15));
        // 200 more ticks: 100 idle, 60 own, of children; 40 of others, 10 of them stolen.
        let after = Ticks::parse(
            "cpu  190 0 50 1100 10 0 0 10 7 0",
            &["12 (a) b) S 1 1 1 0 -1 0 0 0 0 0 10 5 55 5 20 0".to_owned()],
        )
        .unwrap();
        assert_eq!(before.others_until(&after), 0.2);
    }

    #[test]
    fn now_reads_what_the_system_has() {
        let now = Ticks::now(&[]).unwrap();
        assert!(now.busy > now.own && now.all > now.busy);
        assert!((0.0..=1.0).contains(&now.others_since(&[]).unwrap()));
    }
}
