//! Compares a program with the attribute and without.

use sam_tests::{distance, norm, perturbation};

use crate::harness::Run;

/// The radius of the programs: without the attribute, none.
pub(crate) const RHO: f64 = if cfg!(feature = "plain") { 0.0 } else { 0.05 };

/// How a program is compared.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// The steps at a learning rate of 0; 0 where the gradient can be seen.
    pub(crate) still: usize,
    /// The batches of one update, each perturbed for itself; 0 where a step by hand can't be had.
    pub(crate) batches: usize,
    /// The steps that bring about one update.
    pub(crate) one: usize,
    /// The error of the gradient by hand.
    pub(crate) tolerance: f64,
    /// The learning rate and the steps in which the loss falls; no steps where it measures no progress.
    pub(crate) train: (f64, usize),
}

/// What fits most programs.
pub(crate) const CHECK: Check = Check {
    still: 12,
    batches: 1,
    one: 1,
    tolerance: 1e-9,
    train: (0.1, 60),
};

impl Check {
    /// All that can be seen from outside is the same while the weights stand still.
    #[track_caller]
    pub(crate) fn same_effects(self, plain: fn(), sam: fn()) {
        if self.still == 0 {
            return;
        }
        let [plain, sam] = [plain, sam].map(|program| {
            let run = Run {
                steps: self.still,
                ..Run::default()
            };
            run.of(program)
        });
        assert!(
            !plain.log.is_empty() || !plain.losses.is_empty(),
            "something is seen"
        );
        assert_eq!(sam.log, plain.log);
        assert_eq!(sam.losses, plain.losses);
        assert_eq!(sam.after, plain.after, "the weights stand still");
        assert_eq!(sam.buffers, plain.buffers);
    }

    /// One update's gradient is the sum of those at `w + rho g / |g|` of each batch: computed by the
    /// program without the attribute, which begins there.
    #[track_caller]
    pub(crate) fn sam_by_hand(self, plain: fn(), sam: fn()) {
        let run = Run {
            lr: 1.0,
            steps: self.one,
            ..Run::default()
        };
        let (mut clean, mut expected) = (Vec::new(), Vec::new());
        for batch in 0..self.batches {
            let run = Run {
                only: (self.batches > 1).then_some(batch),
                ..run.clone()
            };
            let at_w = run.clone().of(plain);
            let ascent = perturbation(&at_w.step(), 2.0, RHO);
            let perturbed = at_w.before.iter().zip(ascent).map(|(w, e)| w + e);
            let perturbed = Run {
                start: Some(perturbed.collect()),
                frozen: Some(at_w.before.clone()),
                ..run
            };
            add(&mut clean, at_w.step());
            add(&mut expected, perturbed.of(plain).step());
        }
        if self.batches > 0 {
            assert!(norm(&expected, 2.0) > 0.0);
            assert_eq!(clean != expected, RHO > 0.0, "whether the radius is felt");
            let error = distance(&run.of(sam).step(), &expected);
            assert!(error <= self.tolerance, "off by {error:.1e}");
        }
    }

    /// The loss falls with the attribute and without.
    #[track_caller]
    pub(crate) fn trains(self, plain: fn(), sam: fn()) {
        let (lr, steps) = self.train;
        if steps == 0 {
            return;
        }
        for program in [plain, sam] {
            let run = Run {
                lr,
                steps,
                ..Run::default()
            };
            let losses = run.of(program).losses;
            let fifth = (losses.len() / 5).max(1);
            let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
            let (first, last) = (
                mean(&losses[..fifth]),
                mean(&losses[losses.len() - fifth..]),
            );
            assert!(last < first, "{first} to {last}: {losses:?}");
        }
    }
}

fn add(sum: &mut Vec<f64>, values: Vec<f64>) {
    if sum.is_empty() {
        *sum = values;
    } else {
        sum.iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum += value);
    }
}
