//! Tasks on rayon's threads and on the one that asks for them.
//!
//! A parallel iterator of rayon's, called from a thread that is none of its pool's, as the one that trains seldom is, sends
//! that thread to sleep, and wakes it at the end: for operations of some hundred microseconds, of which a step has
//! dozens, that is a good part of their time. So the calling thread takes tasks itself, beside one thread less of the
//! pool's; on one thread it does all of them, and nobody is woken.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `task` with each number below `tasks`, on any thread and in any order.
pub(in crate::device) fn each_task(tasks: usize, task: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= tasks {
                return;
            }
            task(at);
        }
    };
    if tasks < 2 {
        return work();
    }
    let helpers = (tasks - 1).min(rayon::current_num_threads() - 1);
    rayon::in_place_scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| work());
        }
        work();
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
