//! Rust source, as the stages read and write it.
//!
//! | file | what |
//! |---|---|
//! | `place` | variables and fields: `x`, `self.net`, `batch.0` |
//! | `bound` | the variables that a pattern binds |
//! | `around` | the loops and labelled blocks around it |
//! | `uses` | the places that a piece of source uses, and how |
//! | `rewrite` | puts other expressions in their stead |
//! | `tokens` | what the arguments of a macro mention |

mod around;
mod bound;
mod place;
mod rewrite;
mod tokens;
mod uses;

pub(crate) use self::{
    around::Around,
    bound::{binds_mut, bound_by, bound_by_stmt},
    place::Place,
    rewrite::{Rewrite, Rule},
    tokens::{exprs_in, has_ident, has_punct, mentions},
    uses::{How, Use, Uses, assigns},
};
