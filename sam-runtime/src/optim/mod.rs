//! Optimizers whose state can be saved: what dfdx's own do, bit by bit, with parameter groups.

mod adam;
mod base;
mod group;
mod parameter;
mod rmsprop;
mod rule;
mod sgd;
mod walk;

pub use adam::{Adam, AdamW, AdamWConfig};
pub use base::BaseOptimizer;
pub use group::{Group, GroupError, no_decay};
pub use rmsprop::RMSprop;
pub use rule::Rule;
pub use sgd::Sgd;
