//! A method of one's own: each function of the algebra does what plain numbers do, and what holds for a step (rho = 0,
//! chunks, gradients that are not finite) holds whatever the method.

use std::sync::atomic::{AtomicUsize, Ordering};

use dfdx::{prelude::*, tensor::Gradients};
use sam_runtime::{
    prelude::*,
    step::methods::{Algebra, Asam, Coefficient, Method, Moment, Next, Perturbation, Vector},
};
use sam_tests::*;

type Net = (Linear<4, 5>, Tanh, Linear<5, 3>);
type Model = Built<Net, Cpu, f64>;
type Data = Classes<6, 4, 3, f64>;

const RHO: f64 = 0.2;

fn start() -> (Model, Data) {
    let dev = Cpu::seed_from_u64(5);
    let mut model = dev.build_module::<Net, f64>();
    let len = parameters(&model).len();
    set_parameters(&mut model, &noise(len, 1));
    (model, classes(&dev, 2))
}

fn step(sam: &Sam, model: &Model, (x, y): &Data) -> Vec<f64> {
    let (mut model, start) = (model.clone(), model.alloc_grads());
    let batch = (x.clone(), y.clone());
    let found = sam.step(&mut model, batch, start, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    gradient(&model, &found.unwrap())
}

/// The gradient at `w + e`, without SAM.
fn at(model: &Model, e: &[f64], data: &Data) -> Vec<f64> {
    let mut moved = model.clone();
    let w: Vec<f64> = parameters(model)
        .iter()
        .zip(e)
        .map(|(w, e)| w + e)
        .collect();
    set_parameters(&mut moved, &w);
    step(&Sam::new(0.0), &moved, data)
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64]) {
    let distance = distance(found, expected);
    assert!(distance < 1e-12, "{distance}");
}

/// Along a running mean of the gradients.
#[derive(Clone, Debug)]
struct Mean;

impl Method for Mean {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, d) = (Vector::Gradient, Vector::State(1));
        algebra.combine(0.25.into(), d, 0.75.into(), g);
        let norm = algebra.dual_norm(d, ball.norm);
        Next::Last(Perturbation::dual_to(d, norm, ball.rho))
    }
}

#[test]
fn a_state_is_kept_from_step_to_step() {
    let (model, data) = start();
    let other: Data = classes(&Cpu::default(), 9);
    for norm in [Norm::L2, Norm::new(3.0).unwrap(), Norm::LINF] {
        // Another model: the state of one doesn't reach the next.
        let model = {
            let mut fresh = Cpu::default().build_module::<Net, f64>();
            set_parameters(&mut fresh, &parameters(&model));
            fresh
        };
        let sam = Sam::new(RHO).norm(norm).method(Mean);
        let mut d = vec![0.0; parameters(&model).len()];
        for data in [&data, &other, &data] {
            let g = at(&model, &vec![0.0; d.len()], data);
            d = d.iter().zip(&g).map(|(d, g)| 0.25 * d + 0.75 * g).collect();
            let e = perturbation(&d, norm.p(), RHO);
            assert_near(&step(&sam, &model, data), &at(&model, &e, data));
        }
    }
}

/// `e = rho (g - <g, h> / ||h||^2 h) / 3` with `h = g (|w| + 1)`, by numbers that stay on the device.
#[derive(Clone, Debug)]
struct AtRightAngles;

impl Method for AtRightAngles {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, h) = (Vector::Gradient, Vector::State(0));
        algebra.combine(Coefficient::ZERO, h, Coefficient::ONE, g);
        algebra.scale_by_size(h, 1.0, &|_| true);
        let (along, squares) = (algebra.dot(g, h), algebra.dot(h, h));
        let minus = Coefficient::from(-1.0).times(&along).over(&squares);
        algebra.combine(Coefficient::ONE, g, minus, h);
        algebra.scale(g, (ball.rho / 3.0).into());
        Next::Last(Perturbation::vector(g))
    }
}

#[test]
fn numbers_go_from_one_operation_to_the_next() {
    let (model, data) = start();
    let w = parameters(&model);
    let g = at(&model, &vec![0.0; w.len()], &data);
    let h: Vec<f64> = g.iter().zip(&w).map(|(g, w)| g * (w.abs() + 1.0)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let along = dot(&g, &h) / dot(&h, &h);
    let e: Vec<f64> = g
        .iter()
        .zip(&h)
        .map(|(g, h)| RHO / 3.0 * (g - along * h))
        .collect();
    let sam = Sam::new(RHO).method(AtRightAngles);
    assert_near(&step(&sam, &model, &data), &at(&model, &e, &data));
}

/// SAM without the first layer, in place.
#[derive(Clone, Debug)]
struct LastLayer;

impl Method for LastLayer {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        let g = Vector::Gradient;
        algebra.mask(g, &|name| name.starts_with("0."));
        let norm = algebra.dual_norm(g, ball.norm);
        algebra.make_dual(g, &norm, ball.rho);
        Next::Last(Perturbation::vector(g))
    }
}

#[test]
fn a_mask_is_what_frozen_parameters_are() {
    let (model, data) = start();
    for norm in [Norm::L1, Norm::L2, Norm::LINF] {
        let sam = Sam::new(RHO).norm(norm);
        let frozen = sam.clone().frozen(|name| name.starts_with("0."));
        let masked = sam.method(LastLayer);
        assert_eq!(
            step(&masked, &model, &data),
            step(&frozen, &model, &data),
            "{norm}"
        );
    }
}

#[test]
fn each_chunk_has_its_own_ascent() {
    let (model, (x, y)) = start();
    let sam = Sam::new(RHO).method(Asam::default());
    let chunked = sam.clone().chunked::<2>();
    let (mut trained, begin) = (model.clone(), model.alloc_grads());
    let batch = (x.clone(), y.clone());
    let found = chunked.step(&mut trained, batch, begin, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    let found = gradient(&trained, &found.unwrap());
    let mut mean = vec![0.0; found.len()];
    for rows in 0..3 {
        let of = |t: Vec<f64>, width: usize| t[rows * 2 * width..(rows * 2 + 2) * width].to_vec();
        let dev = Cpu::default();
        let x: Tensor<Rank2<2, 4>, f64, Cpu> = tensor(&dev, &of(x.as_vec(), 4));
        let y: Tensor<Rank2<2, 3>, f64, Cpu> = tensor(&dev, &of(y.as_vec(), 3));
        let (mut model, begin) = (model.clone(), model.alloc_grads());
        let part: Gradients<f64, Cpu> = sam
            .step(&mut model, (x, y), begin, |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            })
            .unwrap();
        for (mean, g) in mean.iter_mut().zip(gradient(&model, &part)) {
            *mean += g / 3.0;
        }
    }
    assert_near(&found, &mean);
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Counts how often it is asked.
#[derive(Clone, Debug)]
struct Counting;

impl Method for Counting {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Next::Last(Perturbation::dual_to(
            Vector::Gradient,
            algebra.gradient_norm(),
            ball.rho,
        ))
    }
}

#[test]
fn a_method_is_asked_only_where_there_is_something_to_climb() {
    let (model, (x, y)) = start();
    let data = (x.clone(), y.clone());
    step(&Sam::new(0.0).method(Counting), &model, &data);
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);
    let sam = Sam::new(RHO).method(Counting);
    assert_eq!(
        step(&sam, &model, &data),
        step(&Sam::new(RHO), &model, &data)
    );
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
    let skips = sam.nonfinite(sam_runtime::NonFinite::Skip);
    let found = step(&skips, &model, &(x * f64::NAN, y));
    assert_eq!(found, vec![0.0; found.len()]);
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

/// Divides by the norm of a vector of zeros.
#[derive(Clone, Debug)]
struct Nowhere;

impl Method for Nowhere {
    fn next(&self, Moment { ball, .. }: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, zero) = (Vector::Gradient, Vector::State(0));
        let norm = algebra.dual_norm(zero, ball.norm).scalar();
        algebra.scale(g, Coefficient::from(ball.rho).over(&norm));
        Next::Last(Perturbation::vector(g))
    }
}

#[test]
fn what_is_divided_by_the_length_of_nothing_is_nothing() {
    let (model, data) = start();
    let found = step(&Sam::new(RHO).method(Nowhere), &model, &data);
    assert_eq!(found, step(&Sam::new(0.0), &model, &data));
}
