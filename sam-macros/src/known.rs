//! The names that the macro goes by, which sees no types: methods, functions and macros, by what they do as a
//! rule. The guide shows the same lists (`book/src/attribute.md`); a test holds that the two agree.

/// Names that are all taken for the same.
pub(crate) struct Known(&'static [&'static str]);

impl Known {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// Whether the last segment of a path is one of them.
    pub(crate) fn has_path(&self, path: &syn::Path) -> bool {
        let last = path.segments.last();
        last.is_some_and(|last| self.has(&last.ident.to_string()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }
}

// What runs once, and what twice.

/// Methods that only read what they are called on.
///
/// A wrong entry, one that changes it, is not noticed: the replay lacks the change where it is a statement of
/// its own, and has the value by `&` where it comes from outside, which the compiler then refuses. Where an
/// entry is missing, a value is cloned that could have been borrowed, and a statement may run twice, on a copy.
pub(crate) const READING: Known = Known(&[
    "array",
    "as_ref",
    "as_slice",
    "as_str",
    "as_vec",
    "borrow",
    "clone",
    "contains",
    "device",
    "first",
    "forward",
    "get",
    "get_or_default",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "last",
    "len",
    "read",
    "shape",
    "to_owned",
    "to_vec",
    "try_forward",
]);

/// Methods that lend what they are called on, to be changed: besides these all that end in `_mut`.
///
/// A wrong entry makes a statement run in the replay that need not. Where an entry is missing, the replay lacks
/// what is changed by way of the loan.
pub(crate) const LENDING: Known = Known(&["entry", "lock", "write"]);

/// Macros that only print, or only check.
///
/// A wrong entry, one that changes something, is left out of the replay, which then lacks the change. Where an
/// entry is missing, the macro runs twice: it prints twice.
pub(crate) const PRINTING: Known = Known(&[
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "print",
    "println",
]);

/// The same of logging crates, where an argument is a text. A wrong or missing entry does what it does in
/// [`PRINTING`].
pub(crate) const LOGGING: Known = Known(&["debug", "error", "info", "trace", "warn"]);

/// Macros that compute a value of their arguments, as a function would.
///
/// A wrong entry, one that changes an argument or leaves the loop, does so in a way that the replay does not
/// follow. Where an entry is missing, its arguments count as changed, and must be `Clone`.
pub(crate) const COMPUTING: Known = Known(&["format_args", "matches", "vec"]);

/// Macros that write to their first argument and do not leave the loop. A wrong entry's `continue` would leave
/// the loop over the chunks; where one is missing, that loop is longer than it need be.
pub(crate) const WRITING: Known = Known(&["write", "writeln"]);

/// Macros that never come back. A wrong entry would be a way through a choice on which the replay finds no
/// input; where one is missing, the choice is made again in the replay.
pub(crate) const PANICKING: Known = Known(&["panic", "todo", "unimplemented", "unreachable"]);

/// Functions of a type, as in `Vec::new()`, that make the same of the same arguments and do nothing else.
///
/// A wrong entry, one that counts or draws, does so in both passes. Where an entry is missing, the value is
/// recorded, and must be `Clone`.
pub(crate) const MAKING: Known = Known(&["default", "from", "new", "with_capacity"]);

/// Those of them whose value holds no samples, so that `m` does not cut it. A wrong entry would hand the whole
/// batch to each chunk; where one is missing, the compiler refuses to cut the value.
pub(crate) const MAKING_NO_SAMPLES: Known = Known(&["default", "new", "with_capacity"]);

/// Methods by which another network changes its buffers. In both passes it is a clone that they change: for a
/// wrong entry as well. Where one is missing, the buffers may be those after the clean pass.
pub(crate) const FORWARD_MUT: Known = Known(&["forward_mut", "try_forward_mut"]);

/// A method of a span that calls the closure it is handed; the span is there for tracing. The replay calls the
/// closure alone, once, whatever a wrong entry does with it.
pub(crate) const SCOPING: Known = Known(&["in_scope"]);

// What a step is.

/// Methods that make gradients, by which the call of a function that traces is known. A wrong entry takes another
/// argument for the gradients; where one is missing, the function is found by the model that it is handed.
pub(crate) const ALLOCATING: Known = Known(&["alloc_grads", "try_alloc_grads"]);

/// Methods whose value is a number, so that `meter.update(x.array(), x.len())` is not taken for an optimizer's. A
/// wrong entry hides an update; where one is missing, a meter is taken for an optimizer, and refused.
pub(crate) const NUMBERS: Known = Known(&["array", "len"]);

/// With `m`: methods that sum, perhaps over the samples of a chunk, which their types tell. Where one is missing,
/// such a sum goes unnoticed.
pub(crate) const SUMMING: Known = Known(&["sum", "try_sum"]);

/// With `m`: functions that may be handed a value of one chunk, since they show it to nobody.
pub(crate) const DROPPING: Known = Known(&["drop"]);

/// All lists by the names that the guide has for them.
#[cfg(test)]
pub(crate) const ALL: [(&str, Known); 15] = [
    ("read", READING),
    ("lend", LENDING),
    ("print", PRINTING),
    ("log", LOGGING),
    ("compute", COMPUTING),
    ("write", WRITING),
    ("panic", PANICKING),
    ("make", MAKING),
    ("make no samples", MAKING_NO_SAMPLES),
    ("change buffers", FORWARD_MUT),
    ("scope", SCOPING),
    ("allocate", ALLOCATING),
    ("count", NUMBERS),
    ("sum", SUMMING),
    ("drop", DROPPING),
];
