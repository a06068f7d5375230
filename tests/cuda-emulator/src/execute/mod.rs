//! The interpreter: threads that run until they wait, blocks that make them meet, grids of these.
//! One after the other and always in the same order, so that a launch gives the same bits again.

mod access;
mod block;
mod interpret;
mod launch;
mod thread;
mod warp;

pub use launch::{Launch, LaunchError, launch};

use crate::memory::MemoryError;

/// Why a thread can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("{kind} of {bytes} bytes: {source}")]
    Memory {
        /// "a load", "a store", "an atomic".
        kind: &'static str,
        bytes: usize,
        source: MemoryError,
    },
    #[error("{kind} of {bytes} bytes at {at:#x} of the {space} memory, which has {size} bytes")]
    Space {
        kind: &'static str,
        bytes: usize,
        space: &'static str,
        at: u64,
        size: usize,
    },
    #[error("assertion failed: {0}")]
    Assert(String),
    #[error("`trap`")]
    Trap,
    #[error("calls `{0}`, which is not emulated")]
    External(String),
    #[error("more than {0} calls within each other")]
    Depth(usize),
    #[error("index {index} of a branch with {targets} targets")]
    Branch { index: u64, targets: usize },
    #[error("its own lane {lane} is not in the mask {mask:#010x}")]
    Mask { lane: u32, mask: u32 },
    #[error("waits for ever: {0}")]
    Deadlock(String),
    #[error("the launch ran {0} instructions and is not done: SAM_EMULATOR_LIMIT sets the limit")]
    Limit(u64),
}
