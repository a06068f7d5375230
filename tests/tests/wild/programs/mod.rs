//! The programs, as people write them. Each has a `drive` that begins where the harness says and runs
//! as it says.

#![allow(
    dead_code,
    unreachable_pub,
    unused,
    clippy::all,
    reason = "the programs are as people write them"
)]

pub(crate) mod accumulated_epoch;
pub(crate) mod actor_critic;
pub(crate) mod blocks_in_closure;
pub(crate) mod gan;
pub(crate) mod helper_traces;
pub(crate) mod learner_spans;
pub(crate) mod manual_update;
pub(crate) mod manual_update_mended;
pub(crate) mod masked_logits;
pub(crate) mod method_forward;
pub(crate) mod minibatch_policy;
pub(crate) mod ppo_agent;
pub(crate) mod put_tape;
pub(crate) mod retaped_tuple;
pub(crate) mod sampled_pictures;
pub(crate) mod small;

use super::{refused, sam_train};
