//! What was found in a function: data, and what follows from it.

mod deferred;

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, Lifetime, Pat, Stmt};

use crate::source::Place;

/// Where a node of the function's syntax tree is. The tree is not moved between the analysis and
/// the expansion, so the address of a node names it.
pub(crate) type NodeId = usize;

pub(crate) fn id_of<T>(node: &T) -> NodeId {
    std::ptr::from_ref(node).addr()
}

/// All that the expansion must know.
pub(crate) struct Plan {
    /// The steps, in the order of their backward sites.
    pub(crate) regions: Vec<Region>,
    /// Types that must be `Clone`: parameters, and projections such as `B::Built`.
    pub(crate) cloned_types: Vec<TokenStream>,
}

/// One step: from the first statement of the slice to the backward site.
pub(crate) struct Region {
    pub(crate) index: usize,
    /// The slice, in order.
    pub(crate) lines: Vec<Line>,
    pub(crate) traces: Vec<Trace>,
    /// With `m`: calls of `sum` that may be over the samples.
    pub(crate) sums: Vec<NodeId>,
    pub(crate) backward: Backward,
    pub(crate) model: ModelPlace,
    /// The optimizer, where `update` is called on a place that is there when the step begins.
    pub(crate) optimizer: Option<TokenStream>,
    /// With `clip`: the updates that bound their gradient. Where there are none, the step bounds its own.
    pub(crate) bounded: Vec<BoundedUpdate>,
    /// Whether an error leaves the function (`?`), and as what type.
    pub(crate) raise: Option<TokenStream>,
    /// The loop that a `continue` in the slice means.
    pub(crate) in_loop: Option<InLoop>,
}

/// A statement of the block with this id: what is emitted for it stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) block: NodeId,
    pub(crate) stmt: usize,
}

/// A part of the slice.
pub(crate) struct Line {
    pub(crate) at: At,
    /// The `#[cfg(..)]`s of it, which what is emitted for it has as well.
    pub(crate) conditions: Vec<syn::Attribute>,
    /// What the replay runs of it: less what the loss does not depend on.
    pub(crate) replay: Replay,
    pub(crate) records: Vec<Record>,
    pub(crate) model: ModelUse,
    /// Where it names what holds the model.
    pub(crate) owner_at: Option<Ident>,
    /// Whether statements of the user's may have changed the model since the line before.
    pub(crate) model_anew: bool,
    /// The variables that it binds.
    pub(crate) binds: Vec<Ident>,
    /// The variables of the slice that it uses, and which of them it may change.
    pub(crate) takes: Vec<Taken>,
    /// The variables of the slice that statements outside it read before the next line that binds them.
    pub(crate) observed: Vec<Ident>,
}

pub(crate) enum Replay {
    Stmt(Box<Stmt>),
    /// `if let P = E`, an arm of a `match`, around the backward site.
    Arm(Box<Pat>, Box<Expr>),
    /// `L` of `L.backward()`.
    Loss(Box<Expr>),
}

/// A variable of the slice, used by a line of it.
pub(crate) struct Taken {
    pub(crate) name: Ident,
    pub(crate) is_changed: bool,
    /// Whether a line after this one uses it again.
    pub(crate) is_used_again: bool,
}

/// How a line reaches the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelUse {
    /// By its place, or a part of it.
    pub(crate) itself: bool,
    /// By what holds it: `self.forward(..)`.
    pub(crate) owner: bool,
}

/// A value from outside that a line of the slice uses.
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) by: By,
    /// Whether it is used up.
    pub(crate) consumed: bool,
    /// Whether `m` cuts it.
    pub(crate) split: bool,
    /// Whether a statement outside the slice calls a method on it before `backward`, which may change what is behind
    /// a shared reference.
    pub(crate) called_between: bool,
    /// Whether a block that leaves the loop assigns it: the name stays the user's own there, and what was
    /// recorded has another.
    pub(crate) is_renamed: bool,
}

/// How a value comes into the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// As a clone of what it was when the line ran.
    Clone,
    /// The same, for a line that assigns to it: a variable of the replay's own.
    Assigned,
    /// The same, for a line that may change it by a method: a clone that is known to share nothing is changed in
    /// place of the original; otherwise the compiler refuses the change.
    Changed,
    /// As a variable of the replay's own without a value: the line only assigns to it.
    Fresh,
    /// As a shared reference: nothing can have changed it in between, except behind the reference (a `Cell`, a lock).
    Reference,
    /// The same, for a variable that is a shared reference itself.
    InPlace,
}

/// A site in a line of the slice where a tape begins.
pub(crate) struct Trace {
    /// The method call, or the argument.
    pub(crate) node: NodeId,
    /// Its number among the function's sites.
    pub(crate) site: usize,
    /// The line that it is in.
    pub(crate) line: usize,
    pub(crate) kind: TraceKind,
    /// Whether `X` is evaluated once and kept for the replay. Otherwise it belongs to the slice.
    pub(crate) kept: bool,
    /// Whether `E` is a variable that is `mut`.
    pub(crate) start_is_mut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TraceKind {
    /// `X.traced(E)`
    Traced,
    /// `X.trace(E)`
    Trace,
    /// `X.leaky_traced()`, `X.leaky_trace()`
    Leaky,
    /// `X.put_tape(T)`
    PutTape,
    /// Gradients that are handed to a function of the user's that traces.
    Argument,
}

/// `L.backward()`.
pub(crate) struct Backward {
    /// The method call.
    pub(crate) call: NodeId,
    /// `try_backward`.
    pub(crate) fallible: bool,
    /// Whether it stands in a closure that the slice is not in.
    pub(crate) in_closure: bool,
    /// Whether the model can be borrowed there: it is not an argument of the same call.
    pub(crate) model_is_free: bool,
}

/// An update that gets a gradient within bounds.
pub(crate) struct BoundedUpdate {
    /// The method call.
    pub(crate) call: NodeId,
    pub(crate) model: ModelPlace,
    /// Whether it stands in a closure, which an error of the step can't leave.
    pub(crate) in_closure: bool,
}

/// The model that `update` trains.
#[derive(Clone)]
pub(crate) struct ModelPlace {
    pub(crate) place: Place,
    /// Whether the place holds a reference to the model.
    pub(crate) is_reference: bool,
    /// Whether buffers can be written back to it.
    pub(crate) is_mutable: bool,
}

/// The innermost loop around a region.
pub(crate) struct InLoop {
    pub(crate) id: NodeId,
    pub(crate) label: Option<Lifetime>,
}
