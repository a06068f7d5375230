//! What was found in a function: data only.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, Lifetime};

use crate::tokens::Rule;

/// Where a node of the function's syntax tree is. The tree is not moved between the analysis and
/// the expansion, so the address of a node names it.
pub(crate) type NodeId = usize;

pub(crate) fn id_of<T>(node: &T) -> NodeId {
    std::ptr::from_ref(node).addr()
}

/// All that the expansion must know.
pub(crate) struct Plan {
    /// The block with the step.
    pub(crate) block: NodeId,
    /// The first and the last statement of the region, in that block.
    pub(crate) region: std::ops::RangeInclusive<usize>,
    /// Statements of the block before the region, `let loss;`, whose variable the slice assigns.
    pub(crate) declared: Vec<usize>,
    /// What each statement before the last one is.
    pub(crate) roles: Vec<Role>,
    pub(crate) forward: Forward,
    pub(crate) backward: Backward,
    pub(crate) model: ModelPlace,
    /// What the slice uses of the batch.
    pub(crate) captures: Vec<Capture>,
    /// What stands outside the slice and reads it, by statement of the region; the last entry is
    /// the backward statement and all that follows.
    pub(crate) seen: Vec<Vec<Seen>>,
    /// The loop that a `continue` in the slice means.
    pub(crate) in_loop: Option<InLoop>,
    /// The optimizer, where `update` is called on a place.
    pub(crate) optimizer: Option<TokenStream>,
    /// Type parameters that must be `Clone`.
    pub(crate) cloned_types: Vec<Ident>,
    /// Whether an error leaves the function (`?`), and as what type.
    pub(crate) raise: Option<TokenStream>,
}

/// What a statement between the forward and the backward site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The loss depends on it, and it on the model: it runs in every pass.
    Slice,
    /// The loss depends on it, but it not on the model: it runs once, before the passes.
    Batch,
    /// It runs once, after the passes.
    Observer,
    /// A `use`, `const` or nested function: it stands before the passes.
    Item,
}

/// `X.traced(E)`.
pub(crate) struct Forward {
    /// The method call.
    pub(crate) call: NodeId,
    /// `X`.
    pub(crate) input: Expr,
    /// `E`; `None` for `leaky_traced`.
    pub(crate) start: Option<Expr>,
    /// Whether `X` is evaluated once, before the passes. Otherwise it belongs to the slice.
    pub(crate) hoisted: bool,
    /// Whether `X` is only borrowed: `trace`, or a place that the slice may use again.
    pub(crate) borrowed: bool,
}

/// `L.backward()`.
pub(crate) struct Backward {
    /// The method call.
    pub(crate) call: NodeId,
    /// `try_backward`.
    pub(crate) fallible: bool,
}

/// The model that `update` trains.
pub(crate) struct ModelPlace {
    /// The place, without `&mut` and `*`.
    pub(crate) place: Expr,
    /// Whether the place holds a reference to the model.
    pub(crate) is_reference: bool,
    /// Whether buffers can be written back to it.
    pub(crate) is_mutable: bool,
}

impl ModelPlace {
    /// The variable, if the place is one. `self` can't be bound again, so it counts as a field.
    pub(crate) fn variable(&self) -> Option<&Ident> {
        match &self.place {
            Expr::Path(path) => path.path.get_ident().filter(|ident| *ident != "self"),
            _ => None,
        }
    }

    /// What finds a model in a field.
    pub(crate) fn rule(&self, replacement: &Ident) -> Option<Rule> {
        match self.variable() {
            Some(_) => None,
            None => Rule::place(&self.place, replacement),
        }
    }
}

/// A value of the batch that the slice uses.
pub(crate) struct Capture {
    /// The variable, or a field of it that stands for itself: `batch.y`.
    pub(crate) place: Expr,
    /// The variable; `None` for a field, which the slice finds under another name.
    pub(crate) variable: Option<Ident>,
    /// Whether it is used up, so that each pass needs a copy.
    pub(crate) consumed: bool,
    /// Whether `m` cuts it.
    pub(crate) split: bool,
}

/// Something of the slice that is read outside it.
pub(crate) struct Seen {
    /// The variable of the slice.
    pub(crate) variable: Ident,
    /// `array` or `as_vec`, if only this is read of it; otherwise the value itself is.
    pub(crate) reads: Vec<&'static str>,
}

/// The innermost loop around the region.
pub(crate) struct InLoop {
    pub(crate) id: NodeId,
    pub(crate) label: Option<Lifetime>,
}
