//! From statements to a program of pre-decoded operations: every register, constant and special
//! register is a numbered slot, every arithmetic instruction a function of slots.

mod arithmetic;
mod atomic;
mod compare;
mod compile;
mod control;
mod convert;
mod float;
pub mod integer;
mod modifiers;
pub mod movement;
pub mod op;
mod predicates;
mod rounding;
mod scope;
pub mod word;

pub use compile::compile;
pub use convert::mask;
pub use float::{flush, saturate};

use std::collections::HashMap;

/// Where a module's variables of the global and constant spaces lie, by name; `Err` says why one
/// is not emulated.
pub type Globals = HashMap<String, Result<u64, String>>;
