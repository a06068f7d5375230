//! The kinds of errors: all that the attribute can refuse, each with its entry in the guide.

/// Declares the kinds; a new one is a new line, and a page of the guide.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $entry:literal,)*) => {
        /// What an error is about. Each message names the entry of its kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The name of the page below `errors/` in the guide.
            pub(crate) fn entry(self) -> &'static str {
                match self {
                    $(Self::$kind => $entry,)*
                }
            }
        }
    };
}

kinds! {
    // Keys of the attribute.
    /// Something between the parentheses that is not `key = value`.
    KeysUnreadable = "keys-unreadable",
    KeyUnknown = "key-unknown",
    KeyTwice = "key-twice",
    KeyWithoutValue = "key-without-value",
    RhoMissing = "rho-missing",
    RhoNotPositive = "rho-not-positive",
    /// A literal for `rho` of another type.
    RhoNoFloat = "rho-no-float",
    NormUnknown = "norm-unknown",
    MZero = "m-zero",
    /// A literal for `m` that is not a `usize`.
    MNoNumber = "m-no-number",
    /// A value of `parallel` that is neither `true` nor `false`.
    ParallelNoBool = "parallel-no-bool",
    NonfiniteUnknown = "nonfinite-unknown",
    /// A literal for `clip` or `clip_value` that is not a float above 0.
    ClipNotPositive = "clip-not-positive",
    /// The key `method` names none.
    MethodUnknown = "method-unknown",
    /// A number that the method has not, or that can't be.
    MethodNumber = "method-number",
    OnUnknown = "on-unknown",
    /// A literal for `start`, `every`, `probability` or `ascent` that can't be.
    WhenOutOfRange = "when-out-of-range",
    KeysNotTogether = "keys-not-together",
    /// A literal for `rho` that is another method's.
    RhoImplausible = "rho-implausible",
    SplitNoList = "split-no-list",
    SplitNoVariable = "split-no-variable",
    SplitTwice = "split-twice",
    SplitUnused = "split-unused",
    ModelKeyNoPlace = "model-key-no-place",
    CrateString = "crate-string",

    // What the attribute stands on.
    NotAFunction = "not-a-function",
    FunctionUnreadable = "function-unreadable",
    AttributeTwice = "attribute-twice",
    ConstFn = "const-fn",
    AsyncFn = "async-fn",
    ExternFn = "extern-fn",

    // The shape of the loop.
    NoBackward = "no-backward",
    TwoSteps = "two-steps",
    /// A pass in a macro, a nested item, an `async` block.
    HiddenSite = "hidden-site",
    NoForward = "no-forward",
    BackwardBeforeForward = "backward-before-forward",
    BackwardInAnotherBlock = "backward-in-another-block",
    LossWithoutForward = "loss-without-forward",
    NoUpdate = "no-update",
    UpdateBeforeBackward = "update-before-backward",
    /// What `update` trains is not a variable or a field.
    ModelNoPlace = "model-no-place",
    TwoModels = "two-models",
    ForeignModel = "foreign-model",
    NothingToCut = "nothing-to-cut",
    ChangedByChunk = "changed-by-chunk",
    DecidedByChunk = "decided-by-chunk",
    /// What chunks can't do on threads of their own.
    NotForParallel = "not-for-parallel",
}
