use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{RankError, World, WorldError};

/// Ranks that are threads of one process: for tests, and to try a program before it runs on several machines.
pub struct Threads;

impl Threads {
    /// Runs `rank` on `size` threads, each with its rank, and gives what they return, in the order of the ranks.
    ///
    /// A rank that ends, by an error, a panic, or early, ends those that wait for it.
    ///
    /// # Errors
    /// The error or the panic that came first.
    ///
    /// # Panics
    /// For no ranks, or where the system has no threads left.
    pub fn run<T: Send, E: Send>(
        size: usize,
        rank: impl Fn(ThreadRank) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, RankError<E>> {
        assert!(size > 0, "there must be a rank");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                said: vec![None; size],
                heard: 0,
                ended: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let run = |number: usize| {
            let world = ThreadRank {
                rank: number,
                shared: Arc::clone(&shared),
            };
            // What the others see of a panic is that this one has ended.
            let result = catch_unwind(AssertUnwindSafe(|| rank(world)));
            shared.lock().ended.push(number);
            shared.changed.notify_all();
            result
        };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..size)
                .map(|number| scope.spawn(move || run(number)))
                .collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        let ended = std::mem::take(&mut shared.lock().ended);
        let mut found: Vec<Option<Result<T, Option<E>>>> = results
            .into_iter()
            .map(|result| match result {
                Ok(Ok(result)) => Some(result.map_err(Some)),
                Ok(Err(_)) | Err(_) => Some(Err(None)),
            })
            .collect();
        // Later ones may have ended because this one has.
        for rank in ended {
            if let Some(Err(error)) = found[rank].take_if(|result| result.is_err()) {
                return Err(RankError { rank, size, error });
            }
        }
        Ok(found.into_iter().flatten().flatten().collect())
    }
}

/// One of the ranks of [`Threads`].
#[derive(Clone)]
pub struct ThreadRank {
    rank: usize,
    shared: Arc<Shared>,
}

impl fmt::Debug for ThreadRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size())
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// What each rank says to all others.
    said: Vec<Option<Arc<[u8]>>>,
    /// How many ranks have heard all of it.
    heard: usize,
    /// The ranks that have ended, in that order.
    ended: Vec<usize>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_so`, unless a rank ends that it needs.
    fn wait(
        &self,
        mut state: MutexGuard<'_, State>,
        is_so: impl Fn(&State) -> bool,
    ) -> Result<(), WorldError> {
        while !is_so(&state) {
            if let Some(&rank) = state.ended.first() {
                return Err(WorldError::Ended { rank });
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

impl ThreadRank {
    /// What each rank says, in the order of the ranks.
    fn all(&self, said: &[u8]) -> Result<Vec<Arc<[u8]>>, WorldError> {
        let shared = &self.shared;
        // The others may still listen to what was said before.
        shared.wait(shared.lock(), |state| state.said[self.rank].is_none())?;
        shared.lock().said[self.rank] = Some(said.into());
        shared.changed.notify_all();
        shared.wait(shared.lock(), |state| {
            state.said.iter().all(Option::is_some)
        })?;
        let mut state = shared.lock();
        let all: Vec<Arc<[u8]>> = state.said.iter().flatten().cloned().collect();
        state.heard += 1;
        if state.heard == all.len() {
            state.heard = 0;
            state.said.fill(None);
            shared.changed.notify_all();
        }
        Ok(all)
    }
}

impl World for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.lock().said.len()
    }

    fn all_to_all(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        let part = send.len() / self.size();
        let all = self.all(send)?;
        WorldError::check_lengths(receive.len(), send.len())?;
        for (to, from) in receive.chunks_exact_mut(part.max(1)).zip(&all) {
            WorldError::check_lengths(send.len(), from.len())?;
            to.copy_from_slice(&from[self.rank * part..][..part]);
        }
        Ok(())
    }

    fn all_gather(&self, send: &[u8], receive: &mut [u8]) -> Result<(), WorldError> {
        let all = self.all(send)?;
        WorldError::check_lengths(receive.len(), send.len() * all.len())?;
        for (to, from) in receive.chunks_exact_mut(send.len().max(1)).zip(&all) {
            WorldError::check_lengths(send.len(), from.len())?;
            to.copy_from_slice(from);
        }
        Ok(())
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), WorldError> {
        let said: &[u8] = if self.rank == 0 { bytes } else { &[] };
        let all = self.all(said)?;
        WorldError::check_lengths(bytes.len(), all[0].len())?;
        bytes.copy_from_slice(&all[0]);
        Ok(())
    }
}
