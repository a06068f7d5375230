//! `last_report` says what the step saw.

use dfdx::prelude::*;
use sam_runtime::{NonFinite, Norm, Sam, last_report, step::methods::LpSam};
use sam_tests::*;

const B: usize = 6;
const RHO: f64 = 0.3;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data<const N: usize> = Classes<N, 4, 3, f64>;

fn start() -> (Built, Data<B>) {
    let dev = Cpu::seed_from_u64(2);
    (dev.build_module::<Net, f64>(), classes(&dev, 1))
}

fn loss<const N: usize>(model: &Built, (x, y): Data<N>) -> f64 {
    cross_entropy_with_logits_loss(model.forward(x), y).array()
}

fn clean_gradient<const N: usize>(model: &Built, (x, y): Data<N>) -> Vec<f64> {
    let logits = model.forward(x.traced(model.alloc_grads()));
    gradient(model, &cross_entropy_with_logits_loss(logits, y).backward())
}

/// The loss at `w + e`.
fn perturbed_loss<const N: usize>(model: &Built, data: Data<N>, p: f64) -> f64 {
    let e = perturbation(&clean_gradient(model, data.clone()), p, RHO);
    let moved: Vec<f64> = parameters(model)
        .iter()
        .zip(e)
        .map(|(w, e)| w + e)
        .collect();
    let mut model = model.clone();
    set_parameters(&mut model, &moved);
    loss(&model, data)
}

/// One step, and its gradient.
fn step(sam: Sam, model: &mut Built, data: Data<B>) {
    let grads = model.alloc_grads();
    sam.step(model, data, grads, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    })
    .unwrap();
}

/// Rounding of some hundred operations.
#[track_caller]
fn assert_near(found: Option<f64>, expected: f64) {
    let found = found.expect("reported");
    assert!(
        (found - expected).abs() < 1e-12,
        "{found} is not {expected}"
    );
}

#[test]
fn before_the_first_step_there_is_no_report() {
    assert!(last_report().is_none());
}

#[test]
fn a_report_has_both_losses_and_the_dual_norm_of_the_clean_gradient() {
    for (p, q) in [
        (1.5, 3.0),
        (2.0, 2.0),
        (f64::INFINITY, 1.0),
        (1.0, f64::INFINITY),
    ] {
        let (mut model, data) = start();
        step(
            Sam::new(RHO).norm(Norm::new(p).unwrap()),
            &mut model,
            data.clone(),
        );
        let report = last_report().unwrap();
        let g = clean_gradient(&model, data.clone());
        assert_eq!(report.clean_loss(), Some(loss(&model, data.clone())));
        let expected = perturbed_loss(&model, data, p);
        assert_near(report.perturbed_loss(), expected);
        assert_near(report.gradient_norm(), norm(&g, q));
        assert_near(report.sharpness(), expected - report.clean_loss().unwrap());
        assert!(report.sharpness() > Some(0.0));
        assert_eq!(
            (report.rho, report.chunks, report.skipped()),
            (RHO, 1, false)
        );
    }
}

#[test]
fn a_report_of_chunks_has_the_means() {
    let (mut model, (x, y)) = start();
    let dev = model.0.weight.device().clone();
    let grads = model.alloc_grads();
    Sam::new(RHO)
        .chunked::<2>()
        .step(
            &mut model,
            (x.clone(), y.clone()),
            grads,
            |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            },
        )
        .unwrap();
    let report = last_report().unwrap();
    let (mut clean, mut perturbed, mut length) = (0.0, 0.0, 0.0);
    for (x, y) in x.as_vec().chunks(2 * 4).zip(y.as_vec().chunks(2 * 3)) {
        let pair: Data<2> = (tensor(&dev, x), tensor(&dev, y));
        clean += loss(&model, pair.clone()) / 3.0;
        length += norm(&clean_gradient(&model, pair.clone()), 2.0) / 3.0;
        perturbed += perturbed_loss(&model, pair, 2.0) / 3.0;
    }
    assert_near(report.clean_loss(), clean);
    assert_near(report.perturbed_loss(), perturbed);
    assert_near(report.gradient_norm(), length);
    assert_eq!(report.chunks, 3);
}

#[test]
fn a_report_is_handed_out_once_and_is_that_of_the_last_step() {
    let (mut model, data) = start();
    step(Sam::new(0.1), &mut model, data.clone());
    step(Sam::new(0.2), &mut model, data);
    assert_eq!(last_report().map(|report| report.rho), Some(0.2));
    assert!(last_report().is_none());
}

#[test]
fn a_report_keeps_its_losses_though_the_weights_move_on() {
    let (mut model, data) = start();
    step(Sam::new(RHO), &mut model, data.clone());
    let expected = loss(&model, data);
    let report = last_report().unwrap();
    let zeros = vec![0.0; parameters(&model).len()];
    set_parameters(&mut model, &zeros);
    assert_eq!(report.clean_loss(), Some(expected));
}

#[test]
fn without_rho_there_is_a_clean_loss_only() {
    let (mut model, data) = start();
    step(Sam::new(0.0), &mut model, data.clone());
    let report = last_report().unwrap();
    assert_eq!(report.clean_loss(), Some(loss(&model, data)));
    assert_eq!(report.perturbed_loss(), None);
    assert_eq!(report.sharpness(), None);
    assert_eq!(report.gradient_norm(), None);
}

#[test]
fn a_batch_left_out_is_reported_as_such() {
    let (mut model, (_, y)) = start();
    let x = tensor(model.0.weight.device(), &[f64::NAN; B * 4]);
    step(Sam::new(RHO).nonfinite(NonFinite::Skip), &mut model, (x, y));
    let report = last_report().unwrap();
    assert!(report.skipped() && report.gradient_norm().unwrap().is_nan());
    assert_eq!(report.perturbed_loss(), None);
}

/// Whatever passes a method takes: inner steps end at the point that the update's gradient is of, the second-order term
/// takes two more passes around the weights, whose losses mean nothing.
#[test]
fn a_method_of_several_passes_has_one_perturbed_loss() {
    let (mut model, data) = start();
    // The points of the passes, and the losses there.
    let mut met = Vec::new();
    let mut of = |method: LpSam| {
        met.clear();
        let grads = model.alloc_grads();
        let sam = Sam::new(RHO).method(method);
        sam.step(&mut model, data.clone(), grads, |model, (x, y), grads| {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            met.push(loss.array());
            loss
        })
        .unwrap();
        let report = last_report().unwrap();
        assert_eq!(report.gradients, met.len() as f64);
        assert_near(report.clean_loss(), met[0]);
        (report, met.clone())
    };
    let (report, met) = of(LpSam {
        steps: 3,
        ..LpSam::ONE_STEP
    });
    assert_eq!(met.len(), 4);
    assert_near(report.perturbed_loss(), met[3]);
    let (report, met) = of(LpSam {
        second_order: true,
        ..LpSam::ONE_STEP
    });
    assert_eq!(met.len(), 4);
    assert_near(report.perturbed_loss(), met[1]);
}
