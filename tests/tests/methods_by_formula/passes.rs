//! Where passes run, what they draw, what they leave in the model: under every method.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    Sam,
    prelude::{Built, Norm},
    step::{
        On,
        methods::{Asam, LpSam, Method, Msam, Sampa},
    },
};
use sam_tests::*;

use crate::{every::*, plain::*, trained::moved, world::*};

/// Whether a parameter of this name belongs.
type ByName = fn(&str) -> bool;

fn is_of_norm(name: &str) -> bool {
    name.starts_with("1.")
}

fn is_of_first(name: &str) -> bool {
    name.starts_with("0.")
}

#[test]
fn on_some_parameters_only_those_are_perturbed_and_all_are_updated() {
    let by_name: ByName = is_of_first;
    let parts: [(On, ByName); 3] = [
        (On::Norm, is_of_norm),
        (On::Weights, |name| name.ends_with("weight")),
        (by_name.into(), is_of_first),
    ];
    for case in every() {
        for (on, is_perturbed) in parts {
            let perturbed = numbers_of(is_perturbed);
            let (sam, mut model) = (case.sam().on(on), start());
            let mut plain = Plain {
                perturbed: perturbed.clone(),
                ..case.plain()
            };
            for batch in &batches(4) {
                let w = parameters(&model);
                let found = step(&sam, &mut model, batch).unwrap();
                let what = format!("{}, {on:?}", case.name);
                for (at, is_perturbed) in perturbed.iter().enumerate() {
                    let is_there = |p: &Vec<f64>| p[at].to_bits() == w[at].to_bits();
                    assert!(*is_perturbed || found.points.iter().all(is_there), "{what}");
                }
                if case.is_random() {
                    plain.moved = moved(&found.points[0], &found.points[1]);
                }
                let expected = plain.update(&w, &|w| gradient_at(w, batch));
                assert_near(&found.gradient, &expected, 10.0 * case.tolerance, &what);
                assert!(
                    found
                        .gradient
                        .iter()
                        .zip(&perturbed)
                        .any(|(g, is)| !is && *g != 0.0)
                );
            }
        }
    }
}

/// In the L1 norm one weight moves, which must be one of those that may: here the weight, which may not, and the bias
/// behind it have the same gradient.
#[test]
fn in_the_l1_norm_the_weight_that_moves_is_one_that_is_perturbed() {
    fn assert_bias_moves(method: impl Method + 'static) {
        let what = format!("{method:?}");
        let dev = Cpu::default();
        let mut model = dev.build_module::<Linear<1, 1>, f64>();
        set_parameters(&mut model, &[2.0, 1.0]);
        let by_name: ByName = |name| name == "bias";
        let sam = Sam::new(RHO).norm(Norm::L1).on(by_name).method(method);
        let (mut last, start) = (Vec::new(), model.alloc_grads());
        let x: Tensor<Rank2<1, 1>, f64, Cpu> = dev.ones();
        sam.step(&mut model, x, start, |model, x, grads| {
            last = parameters(model);
            model.forward_mut(x.traced(grads)).square().sum()
        })
        .unwrap();
        assert_near(&last, &[2.0, 1.0 + RHO], 1e-15, &what);
    }
    assert_bias_moves(LpSam::default());
    assert_bias_moves(LpSam {
        steps: 2,
        ..LpSam::default()
    });
    assert_bias_moves(Asam::default());
    assert_bias_moves(Sampa::default());
}

#[test]
fn frozen_parameters_stay_where_they_are() {
    for case in every() {
        let sam = case.sam().frozen(is_of_first);
        let free = numbers_of(|name| !is_of_first(name));
        let mut model = start();
        let mut plain = Plain {
            perturbed: free.clone(),
            ..case.plain()
        };
        for batch in &batches(4) {
            let w = parameters(&model);
            let found = step(&sam, &mut model, batch).unwrap();
            for point in &found.points {
                let frozen = |at: &usize| !free[*at];
                let moved = (0..w.len())
                    .filter(frozen)
                    .any(|at| point[at].to_bits() != w[at].to_bits());
                assert!(!moved, "{}", case.name);
            }
            if case.is_random() {
                plain.moved = moved(&found.points[0], &found.points[1]);
            }
            // Of frozen parameters the gradient plays no part.
            let zeroed = |w: &[f64]| {
                let g = gradient_at(w, batch);
                let keep = |(g, free): (f64, &bool)| if *free { g } else { 0.0 };
                g.into_iter().zip(&free).map(keep).collect::<Vec<f64>>()
            };
            let expected = plain.update(&w, &zeroed);
            let of_free = |g: &[f64]| g[25..].to_vec();
            assert_near(
                &of_free(&found.gradient),
                &of_free(&expected),
                10.0 * case.tolerance,
                case.name,
            );
            // The optimizer leaves them alone, too.
            let mut next = parameters(&model);
            next[..25].copy_from_slice(&w[..25]);
            set_parameters(&mut model, &next);
        }
    }
}

/// Running statistics, and masks at random.
type Noisy = (Linear<4, 5>, BatchNorm1D<5>, Tanh, Dropout, Linear<5, 3>);

fn noisy() -> Built<Noisy, Cpu, f64> {
    let mut model = Cpu::seed_from_u64(9).build_module::<Noisy, f64>();
    let len = parameters(&model).len();
    set_parameters(&mut model, &noise(len, 4));
    model
}

#[test]
fn statistics_advance_once_and_masks_are_the_same_in_all_passes() {
    for case in every() {
        let (sam, mut model) = (case.sam(), noisy());
        let dev = model.0.weight.device().clone();
        let mut last_seen = None;
        for (i, (x, y)) in batches(4).into_iter().enumerate() {
            let what = format!("{}, step {i}", case.name);
            let before = buffers(&model);
            let (mut first, mut masks, mut seen) = (None, Vec::new(), Vec::new());
            let start = model.alloc_grads();
            let grads = sam.step(&mut model, (x, y), start, |model, (x, y), grads| {
                assert_eq!(buffers(model), before, "{what}");
                let ones: Tensor<Rank1<64>, f64, Cpu> = dev.ones();
                let mask = model.3.forward_mut(ones.leaky_traced());
                masks.push(bits(mask.as_vec()));
                let logits = model.forward_mut(x.traced(grads));
                seen.push(dev.random_u64());
                first.get_or_insert_with(|| buffers(model));
                cross_entropy_with_logits_loss(logits, y)
            });
            let grads = grads.unwrap();
            assert_ne!(buffers(&model), before, "{what}");
            assert_eq!(buffers(&model), first.unwrap(), "{what}");
            assert!(masks.iter().all(|mask| *mask == masks[0]), "{what}");
            assert!(seen.iter().all(|number| *number == seen[0]), "{what}");
            // The next step draws others.
            assert_ne!(last_seen.replace(seen[0]), Some(seen[0]), "{what}");
            sgd(&model, LR).update(&mut model, &grads).unwrap();
        }
    }
}

/// The loop's own model stays at its weights while a first pass runs elsewhere.
#[test]
fn after_a_first_pass_elsewhere_the_weights_are_the_loops() {
    let batches = batches(3);
    let sam = Sam::new(RHO).method(Msam::default());
    let mut model = start();
    for (i, batch) in batches.iter().enumerate() {
        let before = parameters(&model);
        let found = step(&sam, &mut model, batch).unwrap();
        assert_eq!(found.points.len(), 1);
        let distance = length(&plus(&found.points[0], -1.0, &before));
        let expected = if i == 0 { 0.0 } else { RHO };
        assert!((distance - expected).abs() < 1e-14, "{distance}");
        let moved = plus(&before, -LR, &found.gradient);
        assert_near(&parameters(&model), &moved, 1e-15, "the update");
    }
}
