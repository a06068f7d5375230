//! Timing for the programs here: several contestants take turns in one run, and medians are
//! compared, so that a slow minute of the machine hits all of them.

pub mod floor;
pub mod networks;
pub mod quiet;
pub mod weights;
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

/// What `way` costs beside `base`, each of them a run of some steps: the medians of milliseconds of `way`, and of its
/// ratio to the run of `base` right before it. So what else the machine does meets both.
pub fn beside(mut base: impl FnMut(), mut way: impl FnMut(), rounds: usize) -> (f64, f64) {
    let milliseconds = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    // Memory is allocated, and caches are warm.
    base();
    way();
    let (mut times, mut ratios): (Vec<f64>, Vec<f64>) = (0..rounds)
        .map(|_| {
            let (base, way) = (milliseconds(&mut base), milliseconds(&mut way));
            (way, way / base)
        })
        .unzip();
    (median(&mut times), median(&mut ratios))
}

/// The middle one, or the upper one of the two in the middle.
///
/// # Panics
/// Without any.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
