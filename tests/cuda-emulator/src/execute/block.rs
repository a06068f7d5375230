//! A block of threads: each runs until it waits; then the block sees who may go on.

use std::collections::BTreeMap;

use super::Fault;
use super::thread::{State, Thread};
use super::warp::WARP;
use crate::counts::Kernel;
use crate::decode::op::Program;
use crate::memory::Memory;

/// What the threads of a block run in. It is reused for all blocks of a grid.
pub struct Block<'a> {
    pub program: &'a Program,
    pub memory: &'a mut Memory,
    pub shared: Vec<u8>,
    /// For every access of the program, the allocation that it found last.
    pub cache: Vec<(u64, u64)>,
    pub counts: Kernel,
    /// The most instructions that the launch may run.
    pub limit: u64,
    /// By access, the first address that was read before it was written.
    pub uninitialised: BTreeMap<u32, u64>,
}

impl Block<'_> {
    /// Runs all threads to their end.
    ///
    /// # Errors
    /// The number of the thread, and its fault.
    pub fn run_all(&mut self, threads: &mut [Thread]) -> Result<(), (usize, Fault)> {
        loop {
            for (number, warp) in threads.chunks_mut(WARP).enumerate() {
                loop {
                    for (lane, thread) in warp.iter_mut().enumerate() {
                        if thread.state == State::Ready {
                            self.run(thread)
                                .map_err(|fault| (number * WARP + lane, fault))?;
                        }
                    }
                    let met = self.meet(warp);
                    if !met.map_err(|(lane, fault)| (number * WARP + lane, fault))? {
                        break;
                    }
                }
            }
            if threads.iter().all(|t| t.state == State::Done) {
                return Ok(());
            }
            if !release(threads) {
                return Err(deadlock(threads));
            }
        }
    }
}

/// Opens the barriers at which all wait that are expected. False if there is none.
fn release(threads: &mut [Thread]) -> bool {
    let live = threads.iter().filter(|t| t.state != State::Done).count();
    let mut waiting: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for thread in threads.iter() {
        if let State::Barrier { id, count } = thread.state {
            // A thread that has ended counts as one that has come, where all are expected.
            let expected = count.map_or(live, |c| c as usize);
            let entry = waiting.entry(id).or_insert((0, expected));
            entry.0 += 1;
            entry.1 = entry.1.max(expected);
        }
    }
    waiting.retain(|_, (come, expected)| come >= expected);
    for thread in threads.iter_mut() {
        if let State::Barrier { id, .. } = thread.state
            && waiting.contains_key(&id)
        {
            thread.state = State::Ready;
        }
    }
    !waiting.is_empty()
}

fn deadlock(threads: &[Thread]) -> (usize, Fault) {
    let count = |f: &dyn Fn(State) -> bool| threads.iter().filter(|t| f(t.state)).count();
    let first = threads.iter().position(|t| t.state != State::Done);
    let what = format!(
        "of {} threads {} have ended, {} wait at barriers, and {} for lanes of their warp that do not come",
        threads.len(),
        count(&|s| s == State::Done),
        count(&|s| matches!(s, State::Barrier { .. })),
        count(&|s| s == State::Together),
    );
    (first.unwrap_or(0), Fault::Deadlock(what))
}
