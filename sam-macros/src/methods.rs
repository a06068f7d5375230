//! The methods that the attribute knows by name, and their numbers: those of `sam_runtime::step::methods`.

/// A method.
pub(crate) struct Method {
    /// How the key `method` spells it.
    pub(crate) name: &'static str,
    /// Its type in `sam_runtime::step::methods`.
    pub(crate) ty: &'static str,
    pub(crate) numbers: &'static [Number],
    pub(crate) passes: Passes,
    /// What rho is for this method in its authors' experiments; `None` where that depends on the gradient's length.
    pub(crate) typical_rho: Option<f64>,
}

/// A number of a method.
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) kind: NumberKind,
    /// What a literal must be, as a sentence ends with it.
    pub(crate) range: &'static str,
    pub(crate) is_in_range: fn(f64) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    Float,
    Integer,
    Bool,
}

/// What a method does with the passes of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// The loop's own, and a replay whose gradient the update takes.
    Replay,
    /// The same, and the update takes something of the clean gradient as well.
    Mixed,
    /// The same, at a pace of its own.
    Paced,
    /// The first one runs elsewhere than at the weights, or the replay runs more than once.
    Elsewhere,
}

const fn float(name: &'static str, range: &'static str, is_in_range: fn(f64) -> bool) -> Number {
    Number {
        name,
        kind: NumberKind::Float,
        range,
        is_in_range,
    }
}

const fn integer(name: &'static str) -> Number {
    Number {
        name,
        kind: NumberKind::Integer,
        range: "at least 1",
        is_in_range: |x| x >= 1.0,
    }
}

const fn method(
    name: &'static str,
    ty: &'static str,
    numbers: &'static [Number],
    passes: Passes,
    typical_rho: Option<f64>,
) -> Method {
    Method {
        name,
        ty,
        numbers,
        passes,
        typical_rho,
    }
}

/// All of them.
pub(crate) const METHODS: &[Method] = &[
    method(
        "sam",
        "LpSam",
        &[
            integer("steps"),
            Number {
                name: "second_order",
                kind: NumberKind::Bool,
                range: "`true` or `false`",
                is_in_range: |_| true,
            },
        ],
        Passes::Replay,
        Some(0.05),
    ),
    method(
        "asam",
        "Asam",
        &[float("eta", "at least 0", |x| x >= 0.0)],
        Passes::Replay,
        Some(0.5),
    ),
    method("usam", "Usam", &[], Passes::Replay, None),
    method(
        "gsam",
        "Gsam",
        &[float("alpha", "at least 0", |x| x >= 0.0)],
        Passes::Mixed,
        Some(0.05),
    ),
    method(
        "wsam",
        "Wsam",
        &[float("gamma", "from 0 and below 1", |x| {
            (0.0..1.0).contains(&x)
        })],
        Passes::Mixed,
        Some(0.05),
    ),
    method("stable", "Stable", &[], Passes::Mixed, Some(0.05)),
    method(
        "fsam",
        "Fsam",
        &[
            float("sigma", "finite", |_| true),
            float("lambda", "from 0 to 1", |x| (0.0..=1.0).contains(&x)),
        ],
        Passes::Replay,
        Some(0.2),
    ),
    method(
        "vasso",
        "Vasso",
        &[float("theta", "from 0 to 1", |x| (0.0..=1.0).contains(&x))],
        Passes::Replay,
        Some(0.1),
    ),
    method(
        "esam",
        "Esam",
        &[float("beta", "above 0 and up to 1", |x| {
            x > 0.0 && x <= 1.0
        })],
        Passes::Replay,
        Some(0.05),
    ),
    method(
        "looksam",
        "LookSam",
        &[integer("k"), float("alpha", "at least 0", |x| x >= 0.0)],
        Passes::Paced,
        Some(0.1),
    ),
    method(
        "msam",
        "Msam",
        &[float("momentum", "from 0 and below 1", |x| {
            (0.0..1.0).contains(&x)
        })],
        Passes::Elsewhere,
        Some(3.0),
    ),
    method(
        "sampa",
        "Sampa",
        &[
            float("lambda", "from 0 to 1", |x| (0.0..=1.0).contains(&x)),
            float("lr", "at least 0", |x| x >= 0.0),
        ],
        Passes::Elsewhere,
        Some(0.1),
    ),
];
