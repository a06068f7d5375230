//! Ranks that wait for each other.

use std::collections::HashMap;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use super::call::Said;
use super::status::{Failure, Status};

/// The ranks of one id.
pub(super) struct Job {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Which ranks have come.
    is_here: Vec<bool>,
    /// What each rank has asked for, in the exchange that goes on.
    said: Vec<Option<Arc<Said>>>,
    /// How many ranks have heard all of it.
    heard: usize,
    /// Whether a rank has given up.
    is_left: bool,
}

/// Those whose ranks have not all come.
static WAITING: LazyLock<Mutex<HashMap<[u8; 128], Arc<Job>>>> = LazyLock::new(Mutex::default);

pub(super) fn new_id() -> [u8; 128] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0; 128];
    id[..4].copy_from_slice(&process::id().to_le_bytes());
    id[4..12].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    id
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until all ranks of this id have come.
pub(super) fn enter(id: [u8; 128], size: usize, rank: usize) -> Result<Arc<Job>, Failure> {
    let invalid = |what: String| Err(Failure::new(Status::InvalidArgument, what));
    if rank >= size {
        return invalid(format!("rank {rank} of {size}"));
    }
    let job = {
        let mut waiting = locked(&WAITING);
        let new = || {
            Arc::new(Job {
                state: Mutex::new(State {
                    is_here: vec![false; size],
                    said: vec![None; size],
                    heard: 0,
                    is_left: false,
                }),
                changed: Condvar::new(),
            })
        };
        let job = Arc::clone(waiting.entry(id).or_insert_with(new));
        let mut state = locked(&job.state);
        if state.is_here.len() != size {
            return invalid(format!("{size} ranks, and {} before", state.is_here.len()));
        }
        if std::mem::replace(&mut state.is_here[rank], true) {
            return invalid(format!("two of rank {rank}"));
        }
        if !state.is_here.contains(&false) {
            waiting.remove(&id);
        }
        drop(state);
        job
    };
    job.changed.notify_all();
    drop(job.wait(|state| !state.is_here.contains(&false))?);
    Ok(job)
}

impl Job {
    /// Waits until `is_so`, unless a rank has given up.
    fn wait(&self, is_so: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = locked(&self.state);
        while !is_so(&state) {
            if state.is_left {
                return Err(Failure::new(
                    Status::RemoteError,
                    "another rank has given up",
                ));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state)
    }

    /// What each rank has asked for, in the order of the ranks.
    pub(super) fn exchange(&self, rank: usize, said: Said) -> Result<Vec<Arc<Said>>, Failure> {
        // Others may still listen to what was said before.
        self.wait(|state| state.said[rank].is_none())?.said[rank] = Some(Arc::new(said));
        self.changed.notify_all();
        let mut state = self.wait(|state| state.said.iter().all(Option::is_some))?;
        let all: Vec<_> = state.said.iter().flatten().cloned().collect();
        state.heard += 1;
        if state.heard == all.len() {
            state.heard = 0;
            state.said.fill(None);
            self.changed.notify_all();
        }
        Ok(all)
    }

    /// A rank gives up.
    pub(super) fn leave(&self) {
        locked(&self.state).is_left = true;
        self.changed.notify_all();
    }
}
