//! Timing for the programs here: several contestants take turns in one run, and medians are
//! compared, so that a slow minute of the machine hits all of them.

pub mod networks;
pub mod quiet;
pub mod worker;

use std::time::Instant;

/// One thing to time.
pub struct Contestant<'a> {
    /// For the table.
    pub name: &'static str,
    /// Runs it once.
    pub run: Box<dyn FnMut() + 'a>,
}

/// The median milliseconds of each contestant over `rounds` rounds of `repeats` runs, in turns.
pub fn race(contestants: &mut [Contestant<'_>], rounds: usize, repeats: usize) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for contestant in contestants.iter_mut() {
        (contestant.run)();
    }
    for _ in 0..rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..repeats {
                (contestant.run)();
            }
            times.push(start.elapsed().as_secs_f64() * 1e3 / repeats as f64);
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

/// The middle one, or the upper one of the two in the middle.
///
/// # Panics
/// Without any.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
