//! The attribute's gradient is that of a SAM written out by hand, which shares no code with it:
//! an MLP on plain numbers, its backward pass, eq. 2, and the mean over chunks.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Norm, Sam, prelude::*};
use sam_tests::*;

const I: usize = 4;
const H: usize = 5;
const C: usize = 3;
const B: usize = 6;

type Net = (Linear<I, H>, Tanh, Linear<H, C>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data = Classes<B, I, C, f64>;

/// The loss of [`Net`] (mean cross-entropy) and its gradient. `w` is the first layer's weight
/// (`H` rows of `I`) and bias, then the second's.
fn by_hand(w: &[f64], x: &[f64], y: &[f64]) -> (f64, Vec<f64>) {
    let (w1, rest) = w.split_at(H * I);
    let (b1, rest) = rest.split_at(H);
    let (w2, b2) = rest.split_at(C * H);
    let rows = x.len() / I;
    let (mut loss, mut grad) = (0.0, vec![0.0; w.len()]);
    let (bias1, weight2, bias2) = (H * I, H * I + H, H * I + H + C * H);
    for (x, y) in x.chunks(I).zip(y.chunks(C)) {
        let hidden: Vec<f64> = (0..H)
            .map(|h| (b1[h] + (0..I).map(|i| w1[h * I + i] * x[i]).sum::<f64>()).tanh())
            .collect();
        let logits: Vec<f64> = (0..C)
            .map(|c| b2[c] + (0..H).map(|h| w2[c * H + h] * hidden[h]).sum::<f64>())
            .collect();
        let log_sum = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
        let mut d_hidden = [0.0; H];
        for c in 0..C {
            loss -= y[c] * (logits[c] - log_sum) / rows as f64;
            let d_logit = ((logits[c] - log_sum).exp() - y[c]) / rows as f64;
            grad[bias2 + c] += d_logit;
            for h in 0..H {
                grad[weight2 + c * H + h] += d_logit * hidden[h];
                d_hidden[h] += d_logit * w2[c * H + h];
            }
        }
        for h in 0..H {
            let d_before = d_hidden[h] * (1.0 - hidden[h] * hidden[h]);
            grad[bias1 + h] += d_before;
            for i in 0..I {
                grad[h * I + i] += d_before * x[i];
            }
        }
    }
    (loss, grad)
}

/// The SAM gradient of one chunk.
fn sam_by_hand(w: &[f64], x: &[f64], y: &[f64], p: f64, rho: f64) -> Vec<f64> {
    let e = perturbation(&by_hand(w, x, y).1, p, rho);
    let moved: Vec<f64> = w.iter().zip(&e).map(|(w, e)| w + e).collect();
    by_hand(&moved, x, y).1
}

/// The mean of the SAM gradients of chunks of `m`.
fn chunked_by_hand(w: &[f64], x: &[f64], y: &[f64], p: f64, rho: f64, m: usize) -> Vec<f64> {
    let mut mean = vec![0.0; w.len()];
    for (x, y) in x.chunks(m * I).zip(y.chunks(m * C)) {
        for (mean, g) in mean.iter_mut().zip(sam_by_hand(w, x, y, p, rho)) {
            *mean += g * m as f64 / B as f64;
        }
    }
    mean
}

macro_rules! one_step {
    ($name:ident, $rho:ident, $($key:tt)*) => {
        /// One update with learning rate 1: the weights before less those after are the gradient.
        #[sam_train(rho = $rho, $($key)*)]
        fn $name(model: &mut Built, (x, y): Data, $rho: f64) -> Gradients<f64, Cpu> {
            let mut opt = sgd(model, 1.0);
            let grads = model.alloc_grads();
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            grads
        }
    };
}

one_step!(l1, rho, norm = "l1");
one_step!(l1_5, rho, norm = "l1.5");
one_step!(l2, rho,);
one_step!(l3, rho, norm = "l3");
one_step!(linf, rho, norm = "linf");
one_step!(l2_in_pairs, rho, m = 2);
one_step!(l2_in_threes, rho, norm = "l2", m = 3);
one_step!(l1_5_one_by_one, rho, norm = "l1.5", m = 1);
one_step!(linf_in_pairs, rho, norm = "linf", m = 2);

fn start() -> (Built, Data) {
    let dev = Cpu::seed_from_u64(11);
    let mut model = dev.build_module::<Net, f64>();
    set_parameters(&mut model, &noise(H * I + H + C * H + C, 5));
    (model, classes(&dev, 6))
}

/// Rounding of some hundred operations in f64 stays well below this.
const TOLERANCE: f64 = 1e-10;
const INF: f64 = f64::INFINITY;

type OneStep = fn(&mut Built, Data, f64) -> Gradients<f64, Cpu>;

#[track_caller]
fn assert_is_by_hand(step: OneStep, p: f64, m: usize) {
    for rho in [0.01, 0.5] {
        let (mut model, (x, y)) = start();
        let w = parameters(&model);
        let expected = chunked_by_hand(&w, &x.as_vec(), &y.as_vec(), p, rho, m);
        let found = step(&mut model, (x, y), rho);
        assert!(distance(&gradient(&model, &found), &expected) < TOLERANCE);
        let stepped: Vec<f64> = w.iter().zip(&expected).map(|(w, g)| w - g).collect();
        assert!(distance(&parameters(&model), &stepped) < TOLERANCE);
    }
}

#[test]
fn the_hand_written_gradient_is_that_of_the_hand_written_loss() {
    let (model, (x, y)) = start();
    let (x, y, mut w) = (x.as_vec(), y.as_vec(), parameters(&model));
    let (_, grad) = by_hand(&w, &x, &y);
    let h = 1e-5;
    for i in 0..w.len() {
        let at = w[i];
        w[i] = at + h;
        let above = by_hand(&w, &x, &y).0;
        w[i] = at - h;
        let below = by_hand(&w, &x, &y).0;
        w[i] = at;
        // The error of central differences is of the order h^2 = 1e-10.
        assert!(((above - below) / (2.0 * h) - grad[i]).abs() < 1e-9);
    }
}

#[test]
fn the_clean_gradient_and_loss_are_those_of_central_differences() {
    let (mut model, (x, y)) = start();
    let w = parameters(&model);
    l2(&mut model, (x.clone(), y.clone()), 0.1);
    let report = last_report().unwrap();
    let loss = |w: &[f64]| {
        let (mut model, _) = start();
        set_parameters(&mut model, w);
        cross_entropy_with_logits_loss(model.forward(x.clone()), y.clone()).array()
    };
    let h = 1e-5;
    let differences: Vec<f64> = (0..w.len())
        .map(|i| {
            let at = |step: f64| {
                let mut w = w.clone();
                w[i] += step;
                loss(&w)
            };
            (at(h) - at(-h)) / (2.0 * h)
        })
        .collect();
    assert!((report.gradient_norm().unwrap() - norm(&differences, 2.0)).abs() < 1e-9);
    assert_eq!(report.clean_loss(), Some(loss(&w)));
}

#[test]
fn the_gradient_is_that_of_sam_by_hand_in_every_norm() {
    assert_is_by_hand(l1, 1.0, B);
    assert_is_by_hand(l1_5, 1.5, B);
    assert_is_by_hand(l2, 2.0, B);
    assert_is_by_hand(l3, 3.0, B);
    assert_is_by_hand(linf, INF, B);
}

#[test]
fn chunks_give_the_mean_of_their_sam_gradients() {
    assert_is_by_hand(l2_in_pairs, 2.0, 2);
    assert_is_by_hand(l2_in_threes, 2.0, 3);
    assert_is_by_hand(l1_5_one_by_one, 1.5, 1);
    assert_is_by_hand(linf_in_pairs, INF, 2);
}

#[test]
fn sam_differs_from_the_plain_gradient_by_far_more_than_the_tolerance() {
    let (model, (x, y)) = start();
    let (w, x, y) = (parameters(&model), x.as_vec(), y.as_vec());
    let plain = by_hand(&w, &x, &y).1;
    let whole = sam_by_hand(&w, &x, &y, 2.0, 0.01);
    assert!(distance(&whole, &plain) > 1e-3);
    assert!(distance(&chunked_by_hand(&w, &x, &y, 2.0, 0.01, 2), &whole) > 1e-3);
    assert!(distance(&sam_by_hand(&w, &x, &y, INF, 0.01), &whole) > 1e-3);
}

#[test]
fn the_closure_gives_the_same_gradient_as_the_attribute_bit_for_bit() {
    let (mut model, data) = start();
    let grads = model.alloc_grads();
    let sam = Sam::new(0.1).norm(Norm::new(1.5).unwrap());
    let whole = sam
        .step(&mut model, data.clone(), grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })
        .unwrap();
    let whole = gradient(&model, &whole);
    let found = l1_5(&mut model, data, 0.1);
    assert_eq!(bits(whole), bits(gradient(&model, &found)));

    let (mut model, data) = start();
    let grads = model.alloc_grads();
    let chunked = Sam::new(0.1)
        .chunked::<2>()
        .step(&mut model, data.clone(), grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })
        .unwrap();
    let chunked = gradient(&model, &chunked);
    let found = l2_in_pairs(&mut model, data, 0.1);
    assert_eq!(bits(chunked), bits(gradient(&model, &found)));
}

#[test]
fn the_closure_leaves_the_weights_as_they_were() {
    let (mut model, data) = start();
    let before = state(&model);
    let grads = model.alloc_grads();
    Sam::new(0.5)
        .step(&mut model, data, grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })
        .unwrap();
    assert_eq!(state(&model), before);
}
