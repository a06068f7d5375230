//! The programs, by what they do between the forward pass and `backward`. The file is compiled with
//! and without the attribute: `sam_train` is nothing at all in one of them. Where the
//! attribute refuses a function, it says `refused`, and a module `.._mended` has what its error advises.

#![allow(
    unused_assignments,
    clippy::needless_return,
    reason = "the programs are as people write them"
)]

pub(crate) mod changes;
pub(crate) mod chunks;
pub(crate) mod early_exits;
pub(crate) mod guards;
pub(crate) mod in_the_loss;
pub(crate) mod inner_loops;
pub(crate) mod model_state;
pub(crate) mod shared_state;

use super::{refused, sam_train};
use crate::{common::*, observe::*};
