use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};

/// Runs `job` on each of `inputs`, as many at once as there are processors, and gives what they found in the order of `inputs`.
/// Networks as small as these don't keep two processors busy, two of them do; their results don't depend on it.
///
/// # Errors
/// That of the first input whose job failed.
pub fn side_by_side<T: Sync, U: Send>(
    what: &str,
    inputs: &[T],
    job: impl Fn(&T) -> anyhow::Result<U> + Sync,
) -> anyhow::Result<Vec<U>> {
    let style = "{prefix} {wide_bar:.cyan/blue} {pos}/{len}, {eta} left";
    let bar = ProgressBar::new(inputs.len() as u64)
        .with_style(ProgressStyle::with_template(style)?)
        .with_prefix(what.to_owned());
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some((i, input)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            inputs.get(i).map(|input| (i, input))
        } {
            let result = job(input);
            if result.is_err() {
                // Nothing more is begun.
                next.store(inputs.len(), Ordering::Relaxed);
            }
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((i, result));
            bar.inc(1);
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers.min(inputs.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(i, _)| *i);
    found.into_iter().map(|(_, result)| result).collect()
}
