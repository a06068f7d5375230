//! Rust source, as the stages read and write it.
//!
//! | file | what |
//! |---|---|
//! | `place` | variables and fields: `x`, `self.net`, `batch.0` |
//! | `bound` | the variables that a pattern binds |
//! | `around` | the loops, labelled blocks and closures around a piece of source |
//! | `uses` | the places that a piece of source uses, and how |
//! | `rewrite` | replaces places by other expressions |
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
