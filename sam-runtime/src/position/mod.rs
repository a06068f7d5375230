//! Where in its data a run is: what the loader and the run both know.
//!
//! | file | what |
//! |---|---|
//! | `followed` | what a run learns of its loader |

mod followed;

pub(crate) use followed::{Facts, Followed};

use serde::{Deserialize, Serialize};

/// Where in its data a run is: everything that a `DataLoader` needs to go on.
///
/// An epoch's number is a position, at the epoch's first batch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The next batch of the epoch, from 0.
    pub batch: usize,
}

impl From<usize> for Position {
    fn from(epoch: usize) -> Self {
        Self { epoch, batch: 0 }
    }
}
