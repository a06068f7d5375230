//! Gradients of zeros, and such that are not finite: nothing of them stays.

use dfdx::prelude::*;
use sam_runtime::{NonFinite, Sam, step::StepError, step::method_state};
use sam_tests::*;

use crate::{every::*, world::*};

const NORMAL: &dyn Fn(usize) -> f64 = &|_| 1.0;

#[test]
fn a_gradient_of_zeros_moves_nothing() {
    let batches = batches(5);
    for case in every() {
        for zero in 0..4 {
            let (sam, mut model) = (case.sam(), start());
            for (i, batch) in batches.iter().enumerate() {
                let before = state(&model);
                let factor = |_| if i == zero { 0.0 } else { 1.0 };
                let start = model.alloc_grads();
                let found = step_from(start, &sam, &mut model, batch, &factor).unwrap();
                let what = format!("{}, step {i}", case.name);
                assert!(found.gradient.iter().all(|g| g.is_finite()), "{what}");
                assert_eq!(state(&model) == before, i == zero, "{what}");
            }
        }
    }
}

/// A step whose pass `at` ends in something that is not finite.
fn bad_step(
    sam: &Sam,
    model: &mut Model,
    batch: &Data,
    (at, by): (usize, f64),
) -> Result<Stepped, StepError> {
    let mut start = model.alloc_grads();
    start.get_or_alloc_mut(&model.0.weight).unwrap().fill(0.5);
    let factor = move |pass| if pass == at { by } else { 1.0 };
    step_from(start, sam, model, batch, &factor)
}

#[test]
fn a_bad_batch_leaves_nothing_behind() {
    let batches = batches(5);
    for case in every() {
        // At the first step, and at one before which something was kept.
        for bad_at in [0, 2] {
            let (expected, points) = train(&case.sam(), &batches);
            for pass in 0..points[bad_at].len() {
                for by in [f64::NAN, f64::INFINITY] {
                    let what = format!("{}, step {bad_at}, pass {pass}, {by}", case.name);
                    let bad = (pass, by);
                    assert_nothing_is_left(&case, &batches, bad_at, bad, &expected, &what);
                }
            }
        }
    }
}

fn assert_nothing_is_left(
    case: &Case,
    batches: &[Data],
    bad_at: usize,
    bad: (usize, f64),
    expected: &[f64],
    what: &str,
) {
    for nonfinite in [NonFinite::Error, NonFinite::Skip] {
        let (sam, mut model) = (case.sam().nonfinite(nonfinite), start());
        for (i, batch) in batches.iter().enumerate() {
            if i == bad_at {
                let before = state(&model);
                let of_method = |model: &Model| method_state(model).unwrap().map(|s| s.tensors);
                let kept = of_method(&model);
                match (nonfinite, bad_step(&sam, &mut model, batch, bad)) {
                    (NonFinite::Error, Err(StepError::NonFinite { .. })) => {
                        assert_eq!(state(&model), before, "{what}");
                    }
                    (NonFinite::Skip, Ok(found)) => {
                        // The gradients to start from, and SGD's step by them.
                        let start: Vec<f64> = (0..found.gradient.len())
                            .map(|at| if at < 20 { 0.5 } else { 0.0 })
                            .collect();
                        assert_eq!(bits(found.gradient), bits(start), "{what}");
                        let w: Vec<f64> = before.iter().map(|w| f64::from_bits(*w)).collect();
                        set_parameters(&mut model, &w);
                    }
                    (_, other) => panic!("{what}: {:?}", other.err()),
                }
                if bad_at > 0 {
                    assert_eq!(of_method(&model), kept, "{what}");
                }
            }
            let start = model.alloc_grads();
            step_from(start, &sam, &mut model, batch, NORMAL).unwrap();
        }
        assert_eq!(
            bits(parameters(&model)),
            bits(expected.iter().copied()),
            "{what}, {nonfinite:?}"
        );
    }
}
