//! Training on ranks against training in one process: what `tests/ranks.rs` does on threads, and `bin/ranks.rs` with MPI.
//!
//! | file | what |
//! |---|---|
//! | `steps` | a few steps: networks, ways to write the loop, gradients that are not finite, bounds |
//! | `run` | a whole run, interrupted and resumed on other numbers of ranks |

pub mod run;
pub mod steps;

use sam_runtime::distributed::World;

/// What ranks are here.
pub trait Ranks: World + Clone + Send + Sync + 'static {}

impl<W: World + Clone + Send + Sync + 'static> Ranks for W {}

/// An error that may come from another thread.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
