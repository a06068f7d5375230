//! With the second-order term, the gradient of `L(w + e(w))` by finite differences.

use dfdx::prelude::*;
use sam_runtime::{
    Sam,
    prelude::Built,
    step::{On, methods::LpSam},
};
use sam_tests::*;

use crate::{plain::*, world::*};

const SECOND_ORDER: LpSam = LpSam {
    steps: 1,
    second_order: true,
};

/// The gradient of `w -> L(w + e(w))`, where `e` moves some of the weights, by central differences of second order
/// that are extrapolated to fourth.
fn exact(w: &[f64], batch: &Data, perturbed: &[bool]) -> Vec<f64> {
    let sharp = |w: &[f64]| {
        let g = gradient_at(w, batch);
        let keep = |(g, perturbed): (f64, &bool)| if *perturbed { g } else { 0.0 };
        let g: Vec<f64> = g.into_iter().zip(perturbed).map(keep).collect();
        loss_at(&plus(w, RHO / length(&g), &g), batch)
    };
    let difference = |at: usize, h: f64| {
        let moved = |h: f64| {
            let mut w = w.to_vec();
            w[at] += h;
            sharp(&w)
        };
        (moved(h) - moved(-h)) / (2.0 * h)
    };
    let h = 1e-3;
    (0..w.len())
        .map(|at| (4.0 * difference(at, h / 2.0) - difference(at, h)) / 3.0)
        .collect()
}

/// The difference quotient in the step is at a distance of `epsilon^(1/3)`: it is wrong by about `epsilon^(2/3)` of
/// third derivatives, here some 10.
fn bound(epsilon: f64) -> f64 {
    100.0 * epsilon.powf(2.0 / 3.0)
}

#[test]
fn the_second_order_term_makes_the_gradient_whole() {
    let batch = &batches(1)[0];
    let w = parameters(&start());
    for (on, perturbed) in [
        (On::All, numbers_of(|_| true)),
        (On::Weights, numbers_of(|name| name.ends_with("weight"))),
    ] {
        let expected = exact(&w, batch, &perturbed);
        let sam = Sam::new(RHO).on(on);
        let found = step(&sam.clone().method(SECOND_ORDER), &mut start(), batch).unwrap();
        // The finite differences of the test are good to 1e-9.
        let tolerance = bound(f64::EPSILON).max(1e-8);
        assert_near(&found.gradient, &expected, tolerance, "second order");
        let first_order = step(&sam, &mut start(), batch).unwrap();
        assert!(distance(&first_order.gradient, &expected) > 1e-2);
    }
}

#[test]
fn in_f32_it_is_as_good_as_f32_is() {
    let (x, y) = &batches(1)[0];
    let w = parameters(&start());
    let expected = exact(&w, &(x.clone(), y.clone()), &numbers_of(|_| true));
    let dev = Cpu::default();
    let mut model: Built<Net, Cpu, f32> = dev.build_module::<Net, f32>();
    set_parameters(&mut model, &w);
    let x: Tensor<Rank2<6, 4>, f32, Cpu> = tensor(&dev, &x.as_vec());
    let y: Tensor<Rank2<6, 3>, f32, Cpu> = tensor(&dev, &y.as_vec());
    let start = model.alloc_grads();
    let sam = Sam::new(RHO).method(SECOND_ORDER);
    let grads = sam.step(&mut model, (x, y), start, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    let found = gradient(&model, &grads.unwrap());
    let tolerance = bound(f64::from(f32::EPSILON));
    assert!(tolerance < 3e-3);
    assert_near(&found, &expected, tolerance, "second order in f32");
}
