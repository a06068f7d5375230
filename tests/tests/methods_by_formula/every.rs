//! One of each method, with the formula that it is compared with.

use std::sync::Arc;

use sam_runtime::{
    Sam,
    step::methods::{
        Asam, Esam, Fsam, Gsam, LookSam, LpSam, Method, Msam, Sampa, Stable, Usam, Vasso, Wsam,
    },
};

use crate::{
    plain::{Plain, Rule},
    world::*,
};

/// A method and its formula.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) method: Arc<dyn Method>,
    rule: Rule,
    /// How far the formula is from what the library computes: rounding, or a finite difference.
    pub(crate) tolerance: f64,
}

fn case(name: &'static str, method: impl Method + 'static, rule: Rule) -> Case {
    Case {
        name,
        method: Arc::new(method),
        rule,
        tolerance: 1e-11,
    }
}

impl Case {
    /// The library's.
    pub(crate) fn sam(&self) -> Sam {
        Sam::new(RHO).method(self.method.clone())
    }

    /// The formula, in the L2 norm and on all parameters.
    pub(crate) fn plain(&self) -> Plain {
        let all = numbers_of(|_| true);
        Plain {
            rule: self.rule.clone(),
            rho: RHO,
            p: 2.0,
            perturbed: all.clone(),
            is_scaled: numbers_of(|name| !name.ends_with("bias") && !name.ends_with("beta")),
            moved: all,
            steps: 0,
            kept: Vec::new(),
        }
    }

    /// Whether the norm of the ball plays a part, and may be any.
    pub(crate) fn has_any_norm(&self) -> bool {
        !matches!(self.rule, Rule::SecondOrder | Rule::Usam)
    }

    pub(crate) fn is_random(&self) -> bool {
        matches!(self.rule, Rule::Esam { .. })
    }
}

/// Every method.
pub(crate) fn every() -> Vec<Case> {
    let sam = |steps| LpSam {
        steps,
        ..LpSam::default()
    };
    let second_order = LpSam {
        second_order: true,
        ..LpSam::default()
    };
    vec![
        case("sam", sam(1), Rule::Sam { steps: 1 }),
        case("sam, 2 steps", sam(2), Rule::Sam { steps: 2 }),
        case("sam, 3 steps", sam(3), Rule::Sam { steps: 3 }),
        case("sam, 5 steps", sam(5), Rule::Sam { steps: 5 }),
        Case {
            tolerance: 1e-8,
            ..case("second order", second_order, Rule::SecondOrder)
        },
        case("asam", Asam::default(), Rule::Asam { eta: 0.01 }),
        case("usam", Usam, Rule::Usam),
        case("gsam", Gsam::default(), Rule::Gsam { alpha: 0.4 }),
        case("wsam", Wsam::default(), Rule::Wsam { gamma: 0.9 }),
        case("stable", Stable, Rule::Stable),
        case(
            "fsam",
            Fsam::default(),
            Rule::Fsam {
                sigma: 1.0,
                lambda: 0.9,
            },
        ),
        case(
            "fsam, half",
            Fsam {
                sigma: 0.5,
                lambda: 0.6,
            },
            Rule::Fsam {
                sigma: 0.5,
                lambda: 0.6,
            },
        ),
        case("vasso", Vasso { theta: 0.4 }, Rule::Vasso { theta: 0.4 }),
        case("esam", Esam::default(), Rule::Esam { beta: 0.5 }),
        case(
            "looksam",
            LookSam { k: 2, alpha: 0.7 },
            Rule::LookSam { k: 2, alpha: 0.7 },
        ),
        case("msam", Msam::default(), Rule::Msam { momentum: 0.9 }),
        case(
            "sampa",
            Sampa {
                lambda: 0.2,
                lr: LR,
            },
            Rule::Sampa {
                lambda: 0.2,
                lr: LR,
            },
        ),
    ]
}
