//! Runs of several steps, each on another batch, by the library and by the formulas.

use sam_runtime::{
    Sam,
    prelude::Norm,
    step::methods::{Esam, Sampa},
};
use sam_tests::*;

use crate::{every::*, plain::*, world::*};

const STEPS: u64 = 6;

/// Where ESAM has moved something between two points.
pub(crate) fn moved(from: &[f64], to: &[f64]) -> Vec<bool> {
    // Of whole tensors: a single number may have a gradient of 0.
    let mut at = 0;
    let tensor = |(_, len): (&str, usize)| {
        let range = at..at + len;
        at += len;
        vec![from[range.clone()] != to[range]; len]
    };
    LAYOUT.into_iter().flat_map(tensor).collect()
}

#[test]
fn every_method_trains_as_its_formula_does() {
    let batches = batches(STEPS);
    for case in every() {
        for norm in [Norm::L2, Norm::LINF, Norm::new(3.0).unwrap()] {
            if norm != Norm::L2 && !case.has_any_norm() {
                continue;
            }
            let (found, points) = train(&case.sam().norm(norm), &batches);
            let mut plain = Plain {
                p: norm.p(),
                ..case.plain()
            };
            let mut w = parameters(&start());
            for (batch, points) in batches.iter().zip(&points) {
                if case.is_random() {
                    plain.moved = moved(&points[0], &points[1]);
                }
                let g = plain.update(&w, &|w| gradient_at(w, batch));
                w = plus(&w, -LR, &g);
            }
            let what = format!("{}, {norm}", case.name);
            assert_near(&found, &w, case.tolerance, &what);
        }
    }
}

/// x, y and what is computed at them, as Xie et al. (2024) write algorithm 1.
#[test]
fn sampa_takes_its_gradients_where_the_paper_does() {
    let batches = batches(STEPS);
    let lambda = 0.2;
    let (found, points) = train(&Sam::new(RHO).method(Sampa { lambda, lr: LR }), &batches);
    let (mut x, mut y) = (parameters(&start()), parameters(&start()));
    let mut mixed = Vec::new();
    for (t, batch) in batches.iter().enumerate() {
        let at_y = gradient_at(&y, batch);
        if t > 0 {
            // The rest of the last step, with this batch's gradient at the new y.
            x = plus(&x, -LR * lambda, &at_y);
        }
        let climbed = plus(&x, RHO / length(&at_y), &at_y);
        let what = format!("step {t}");
        assert_near(&points[t][0], &y, 1e-11, &what);
        assert_near(&points[t][1], &climbed, 1e-11, &what);
        mixed = gradient_at(&climbed, batch);
        y = plus(&x, -LR, &at_y);
        x = plus(&x, -LR * (1.0 - lambda), &mixed);
    }
    assert!(!mixed.is_empty());
    assert_near(&found, &x, 1e-11, "the weights at the end");
}

#[test]
fn esam_moves_some_tensors_by_more() {
    let beta = 0.3;
    let batches = batches(400);
    let sam = Sam::new(RHO).method(Esam { beta });
    let (found, points) = train(&sam, &batches);
    let mut share = 0.0;
    for (batch, points) in batches.iter().zip(&points) {
        let moved = moved(&points[0], &points[1]);
        let g = gradient_at(&points[0], batch);
        let of_moved: Vec<f64> = g
            .iter()
            .zip(&moved)
            .map(|(g, moved)| if *moved { *g } else { 0.0 })
            .collect();
        let by = match length(&of_moved) {
            0.0 => 0.0,
            length => RHO / beta / length,
        };
        let expected = plus(&points[0], by, &of_moved);
        assert_near(&points[1], &expected, 1e-14, "where the second pass runs");
        let mut at = 0;
        for (_, len) in LAYOUT {
            share += f64::from(u8::from(moved[at])) / (LAYOUT.len() * batches.len()) as f64;
            at += len;
        }
    }
    // Four standard deviations of 2400 tensors.
    let bound = 4.0 * (beta * (1.0 - beta) / 2400.0).sqrt();
    assert!((share - beta).abs() < bound, "{share}");
    let (again, same) = train(&sam, &batches);
    assert_eq!(bits(again), bits(found));
    assert!(same == points, "another run moves the same tensors");
}
