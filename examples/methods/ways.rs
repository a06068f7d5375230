//! The ways to train that are compared.

use sam_runtime::{
    prelude::*,
    step::{
        When,
        methods::{Asam, Esam, Fsam, Gsam, LookSam, LpSam, Msam, Sampa, Stable, Usam, Vasso, Wsam},
    },
};

/// Where the last quarter of the steps begins.
pub(crate) const LATE: f64 = 0.75;

/// One way to train.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Radii, of which the best one is taken.
    pub(crate) radii: &'static [f64],
    pub(crate) sam: Box<dyn Fn(f64) -> Sam>,
}

/// All ways. `steps` are those of a whole training.
pub(crate) fn ways(steps: u64) -> Vec<Way> {
    fn way(name: &'static str, radii: &'static [f64], sam: impl Fn(Sam) -> Sam + 'static) -> Way {
        let sam = Box::new(move |rho| sam(Sam::new(rho)));
        Way { name, radii, sam }
    }
    // Those whose perturbation is as long as rho.
    let usual: &[f64] = &[0.25, 0.5, 1.0];
    let when = |name, when: When| way(name, usual, move |sam| sam.when(when));
    let always = When::ALWAYS;
    let start = (LATE * steps as f64).round() as u64;
    let two = LpSam {
        steps: 2,
        ..LpSam::ONE_STEP
    };
    let whole = LpSam {
        second_order: true,
        ..LpSam::ONE_STEP
    };
    let lr = 0.1;
    vec![
        way("SGD", &[0.0], |sam| sam),
        way("SAM", usual, |sam| sam),
        way("SAM, L-infinity", &[5e-4, 1e-3, 2e-3], |sam| {
            sam.norm(Norm::LINF)
        }),
        way("SAM, 2 inner steps", usual, move |sam| sam.method(two)),
        way("SAM, second order", &[0.05, 0.1, 0.25], move |sam| {
            sam.method(whole)
        }),
        way("ASAM", &[2.0, 5.0, 10.0], |sam| sam.method(Asam::default())),
        way("USAM", &[0.25, 0.5, 1.0], |sam| sam.method(Usam)),
        way("GSAM", usual, |sam| sam.method(Gsam::default())),
        way("WSAM", &[0.05, 0.1, 0.25], |sam| {
            sam.method(Wsam::default())
        }),
        way("StableSAM", usual, |sam| sam.method(Stable)),
        way("F-SAM", usual, |sam| sam.method(Fsam::default())),
        way("VaSSO", usual, |sam| sam.method(Vasso::default())),
        way("ESAM, weights", usual, |sam| sam.method(Esam::default())),
        way("SAMPa", usual, move |sam| {
            sam.method(Sampa {
                lr,
                ..Sampa::default()
            })
        }),
        way("LookSAM, k = 5", usual, |sam| {
            sam.method(LookSam::default())
        }),
        way("MSAM", &[0.5, 1.0, 3.0], |sam| sam.method(Msam::default())),
        when("SAM, every 2nd step", When { every: 2, ..always }),
        when(
            "SAM, half at random",
            When {
                probability: 0.5,
                ..always
            },
        ),
        when("SAM, last quarter", When { start, ..always }),
    ]
}
