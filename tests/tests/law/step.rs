//! One step of a shape, and SAM's step by hand beside it.

use std::cell::RefCell;

use sam_tests::{distance, norm, parameters, perturbation, set_parameters, sgd};

use crate::common_f64::*;

/// The radius that can be felt: without the attribute, none.
pub(crate) const FELT: f64 = if cfg!(feature = "plain") { 0.0 } else { 0.05 };

/// What one version of a shape did.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    /// What it printed and returned.
    pub(crate) said: Vec<String>,
    /// The parameters before and after.
    pub(crate) weights: [Vec<f64>; 2],
}

impl Seen {
    /// The way that the step went: the gradient, up to the learning rate.
    fn step(&self) -> Vec<f64> {
        let [before, after] = &self.weights;
        before.iter().zip(after).map(|(w, v)| w - v).collect()
    }
}

thread_local!(static PRINTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// Keeps what a program says.
pub(crate) fn said(line: impl ToString) {
    PRINTED.with_borrow_mut(|lines| lines.push(line.to_string()));
}

/// Keeps what the programs print.
macro_rules! println {
    ($($arguments:tt)*) => { $crate::step::said(format!($($arguments)*)) };
}
pub(crate) use println;

/// Where a program begins.
#[derive(Clone, Default)]
pub(crate) struct Start {
    batches: usize,
    weights: Option<Vec<f64>>,
}

impl Start {
    /// Trains from here; `train` gives the model back.
    pub(crate) fn observe(self, train: impl FnOnce(Net, Opt, Vec<(X, Y)>) -> Net) -> Seen {
        let dev = Cpu::seed_from_u64(0);
        let mut net = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 3>), f64>();
        if let Some(weights) = self.weights {
            set_parameters(&mut net, &weights);
        }
        let data = (0..self.batches).map(|_| (dev.sample_normal(), dev.sample_normal()));
        let data = data.collect();
        let before = parameters(&net);
        let opt = sgd(&net, 0.1);
        let net = train(net, opt, data);
        Seen {
            said: PRINTED.take(),
            weights: [before, parameters(&net)],
        }
    }
}

/// A version of a shape.
pub(crate) type Version = fn(Start) -> Seen;

/// Without the attribute and at a radius too small to be felt, all is the same.
#[track_caller]
pub(crate) fn same(plain: Version, near: Version) {
    let start = Start {
        batches: 3,
        weights: None,
    };
    let expected = plain(start.clone());
    assert!(norm(&expected.step(), 2.0) > 0.0, "it trains");
    assert_eq!(near(start), expected);
}

/// At a radius that can be felt, the step is the gradient at `w + rho g / |g|`: computed here by the
/// plain program, which begins there.
#[track_caller]
pub(crate) fn by_hand(plain: Version, sam: Version) {
    let start = Start {
        batches: 1,
        weights: None,
    };
    let clean = plain(start.clone());
    let ascent = perturbation(&clean.step(), 2.0, FELT);
    let perturbed = clean.weights[0].iter().zip(ascent).map(|(w, e)| w + e);
    let expected = plain(Start {
        weights: Some(perturbed.collect()),
        ..start
    });
    let felt = distance(&clean.step(), &expected.step()) > 1e-3;
    assert_eq!(felt, FELT > 0.0, "whether the radius is felt");
    let error = distance(&sam(start).step(), &expected.step());
    assert!(error < 1e-9, "SAM's gradient, off by {error:.1e}");
}
