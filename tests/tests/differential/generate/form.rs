//! What a program is, beside the statements of its function.

use super::{network::Network, scope::Ty, source::Source};

/// What kind of item trains.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// `fn train(model, opt, data, ..)`.
    Function,
    /// Of any model.
    Generic,
    /// `self.train(data)`: model, optimizer and much else are fields.
    Method,
    /// As `Method`, with `let Self { .. } = self;`.
    Destructured,
    /// `fn step(model, opt, x, y, ..)`, called in a loop.
    Step,
}

impl Form {
    pub(super) fn is_method(self) -> bool {
        matches!(self, Self::Method | Self::Destructured)
    }
}

/// A variable that outlives the function.
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) ty: Ty,
}

/// What the function returns: its type and the expression.
pub(super) struct Returned {
    pub(super) ty: &'static str,
    /// The variable that is declared for it, and its first value.
    pub(super) declared: Option<(&'static str, Ty)>,
}

/// A function and what it belongs to.
pub(super) struct Item<'a> {
    pub(super) form: Form,
    pub(super) network: &'a Network,
    pub(super) second: Option<&'a Network>,
    pub(super) source: &'a Source,
    pub(super) kept: &'a [Kept],
    pub(super) returned: &'a Returned,
    pub(super) fallible: bool,
    /// Whether the optimizer is `Watched`.
    pub(super) watched: bool,
    pub(super) lines: Vec<String>,
    /// Whether a struct derives `Clone`.
    pub(super) derives: bool,
    /// Whether a model of any type is said to be `Clone`.
    pub(super) bounded: bool,
}
