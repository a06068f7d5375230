//! Tasks on rayon's threads and on the one that asks for them.
//!
//! A parallel iterator of rayon's, called from a thread that is none of its pool's, as the one that trains seldom is, sends
//! that thread to sleep, and wakes it at the end: for operations of some hundred microseconds, of which a step has
//! dozens, that is a good part of their time. So the calling thread takes tasks itself, beside one thread less of the
//! pool's, which stay awake for a moment (see [`attendants`](super::attendants)); on one thread it does all of them, and
//! nobody is woken.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::attendants::attended;

/// Runs `task` with each number below `tasks`, on any thread and in any order. But each thread begins with a range of its
/// own, the same one each time: what it has just written of one tensor it reads of that again, and finds it in its cache.
pub(in crate::device) fn each_task(tasks: usize, task: impl Fn(usize) + Sync) {
    let threads = tasks.min(rayon::current_num_threads());
    if threads < 2 {
        return (0..tasks).for_each(task);
    }
    let start = |range: usize| range * tasks / threads;
    let next: Vec<_> = (0..threads)
        .map(|range| AtomicUsize::new(start(range)))
        .collect();
    let work = |seat: usize| {
        // Its own range first, then what is left of the others'.
        for range in (seat..threads).chain(0..seat) {
            loop {
                let at = next[range].fetch_add(1, Ordering::Relaxed);
                if at >= start(range + 1) {
                    break;
                }
                task(at);
            }
        }
    };
    // Of another pool than the global one, a thread of it is the caller.
    if rayon::current_thread_index().is_none() && attended(threads - 1, &work) {
        return;
    }
    let work = &work;
    rayon::in_place_scope(|scope| {
        for seat in 1..threads {
            scope.spawn(move |_| work(seat));
        }
        work(0);
    });
}

/// Where parts of a slice are written.
struct Parts<T>(*mut T);

// SAFETY: the tasks have parts of their own.
unsafe impl<T: Send> Sync for Parts<T> {}

impl<T> Parts<T> {
    fn at(&self, at: usize) -> *mut T {
        self.0.wrapping_add(at)
    }
}

/// Runs `task` with each part of `len` items, and the number of its first one; the last part may be shorter.
pub(crate) fn each_part<T: Send>(
    items: &mut [T],
    len: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let (count, first) = (items.len(), Parts(items.as_mut_ptr()));
    each_task(count.div_ceil(len), |part| {
        let start = part * len;
        // SAFETY: a part of the slice, which is borrowed mutably, for one task alone.
        let part =
            unsafe { std::slice::from_raw_parts_mut(first.at(start), len.min(count - start)) };
        task(start, part);
    });
}

/// Runs `task` with each item.
pub(in crate::device) fn each_of<T: Send>(items: impl Iterator<Item = T>, task: impl Fn(T) + Sync) {
    let mut items: Vec<_> = items.map(Some).collect();
    each_part(&mut items, 1, |_, item| {
        if let Some(item) = item[0].take() {
            task(item);
        }
    });
}

/// The sum of what `task` counts in each item.
pub(in crate::device) fn counted<T: Send>(
    items: impl Iterator<Item = T>,
    task: impl Fn(T) -> usize + Sync,
) -> usize {
    let sum = AtomicUsize::new(0);
    each_of(items, |item| {
        sum.fetch_add(task(item), Ordering::Relaxed);
    });
    sum.into_inner()
}

/// What `task` makes of each number below `tasks`.
pub(in crate::device) fn collected<R: Copy + Default + Send>(
    tasks: usize,
    task: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let mut results = vec![R::default(); tasks];
    each_part(&mut results, 1, |at, result| result[0] = task(at));
    results
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::*;

    #[test]
    fn each_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            for tasks in [0, 1, 2, 7, 100] {
                let runs: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.install(|| {
                    each_task(tasks, |at| {
                        runs[at].fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert!(runs.iter().all(|n| n.load(Ordering::Relaxed) == 1));
            }
        }
    }

    /// From a thread that is none of rayon's, and from several at once.
    #[test]
    fn each_task_runs_once_with_attendants() {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for tasks in [0, 1, 2, 7, 100] {
                        for _ in 0..50 {
                            let runs = collected(tasks, |at| at);
                            assert!(runs.iter().enumerate().all(|(at, n)| at == *n));
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        for culprit in 0..8 {
            let panicked = std::panic::catch_unwind(|| {
                each_task(8, |at| assert!(at != culprit, "task {at}"));
            });
            assert!(panicked.is_err());
        }
        assert_eq!(collected(3, |at| at), [0, 1, 2]);
    }

    #[test]
    fn parts_cover_a_slice() {
        for (count, len) in [(0, 3), (1, 3), (9, 3), (10, 3), (100, 1)] {
            let mut items = vec![0; count];
            each_part(&mut items, len, |start, part| {
                for (at, item) in part.iter_mut().enumerate() {
                    *item += start + at + 1;
                }
            });
            assert!(items.iter().enumerate().all(|(at, item)| *item == at + 1));
        }
        assert_eq!(collected(4, |at| at * at), [0, 1, 4, 9]);
    }

    #[test]
    fn tasks_may_have_tasks() {
        let sums = collected(6, |a| collected(5, |b| a * b).iter().sum::<usize>());
        assert_eq!(sums, [0, 10, 20, 30, 40, 50]);
    }
}
