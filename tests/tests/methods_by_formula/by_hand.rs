//! Two weights and a loss whose gradient is known: what the authors' formulas give, written out.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    Sam,
    prelude::Built,
    step::methods::{
        Asam, Fsam, Gsam, LookSam, LpSam, Method, Msam, Sampa, Stable, Usam, Vasso, Wsam,
    },
};
use sam_tests::*;

type Net = UnbiasedLinear<2, 1>;
type Pair = [f64; 2];

const RHO: f64 = 0.3;
const LR: f64 = 0.05;
const START: Pair = [1.0, -0.5];

/// `a/3 w1^3 + b/2 w2^2 + c/2 (w1 + w2)^2`, for two batches.
const BATCHES: [[f64; 3]; 2] = [[1.5, 2.0, 0.25], [-0.5, 1.0, 2.0]];

fn grad(batch: usize, [w1, w2]: Pair) -> Pair {
    let [a, b, c] = BATCHES[batch];
    [a * w1 * w1 + c * (w1 + w2), b * w2 + c * (w1 + w2)]
}

fn dot(a: Pair, b: Pair) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn length(a: Pair) -> f64 {
    a[0].hypot(a[1])
}

/// `a + c b`.
fn plus(a: Pair, c: f64, b: Pair) -> Pair {
    [a[0] + c * b[0], a[1] + c * b[1]]
}

fn unit(a: Pair) -> Pair {
    [a[0] / length(a), a[1] / length(a)]
}

/// The gradients of two steps of SGD, one on each batch, and the weights before each.
fn found(method: impl Method + 'static) -> [(Pair, Pair); 2] {
    let dev = Cpu::default();
    let mut model: Built<Net, Cpu, f64> = dev.build_module::<Net, f64>();
    model.weight.copy_from(&START);
    let sam = Sam::new(RHO).method(method);
    let pair = |numbers: Vec<f64>| [numbers[0], numbers[1]];
    BATCHES.map(|[a, b, c]| {
        let x = dev.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
        let cubes = dev.tensor([[a / 3.0], [0.0], [0.0]]);
        let squares = dev.tensor([[0.0], [b / 2.0], [c / 2.0]]);
        let start = model.alloc_grads();
        let before = pair(model.weight.as_vec());
        let batch = (x, cubes, squares);
        let grads = sam.step(&mut model, batch, start, |model, batch, grads| {
            let (x, cubes, squares) = batch;
            let out: Tensor<Rank2<3, 1>, f64, Cpu, _> = model.forward_mut(x.traced(grads));
            (out.with_empty_tape().square() * squares + out.powi(3) * cubes).sum()
        });
        let grads = grads.unwrap();
        sgd(&model, LR).update(&mut model, &grads).unwrap();
        (pair(grads.get(&model.weight).as_vec()), before)
    })
}

/// The same by a formula of the batch, the step's number and its weights.
#[track_caller]
fn assert_formula(
    method: impl Method + 'static,
    tolerance: f64,
    mut formula: impl FnMut(usize, Pair) -> Pair,
) {
    let name = format!("{method:?}");
    for (step, (gradient, w)) in found(method).into_iter().enumerate() {
        let expected = formula(step, w);
        let off = length(plus(gradient, -1.0, expected)) / length(expected);
        assert!(off < tolerance, "{name}, step {step}: {off:e}");
    }
}

const ROUNDING: f64 = 1e-14;

#[test]
fn sam_and_what_changes_its_perturbation() {
    let sam = |b, w| grad(b, plus(w, RHO, unit(grad(b, w))));
    assert_formula(LpSam::default(), ROUNDING, sam);
    assert_formula(Usam, ROUNDING, |b, w| grad(b, plus(w, RHO, grad(b, w))));
    // rho T^2 g / ||T g||
    assert_formula(Asam { eta: 0.1 }, ROUNDING, |b, w| {
        let t = [w[0].abs() + 0.1, w[1].abs() + 0.1];
        let g = grad(b, w);
        let tg = [t[0] * g[0], t[1] * g[1]];
        let e = [
            RHO * t[0] * tg[0] / length(tg),
            RHO * t[1] * tg[1] / length(tg),
        ];
        grad(b, plus(w, 1.0, e))
    });
    let two = LpSam {
        steps: 2,
        second_order: false,
    };
    assert_formula(two, ROUNDING, |b, w| {
        let e = plus([0.0; 2], RHO, unit(grad(b, w)));
        let e = plus(e, RHO, unit(grad(b, plus(w, 1.0, e))));
        let e = plus([0.0; 2], RHO.min(length(e)), unit(e));
        grad(b, plus(w, 1.0, e))
    });
}

#[test]
fn methods_that_mix_two_gradients() {
    let both = |b, w| {
        let g = grad(b, w);
        (g, grad(b, plus(w, RHO, unit(g))))
    };
    assert_formula(Gsam { alpha: 0.4 }, ROUNDING, |b, w| {
        let (g, adv) = both(b, w);
        let across = plus(g, -dot(g, adv) / dot(adv, adv), adv);
        plus(adv, -0.4, across)
    });
    // gamma/(1-gamma) = 4
    assert_formula(Wsam { gamma: 0.8 }, ROUNDING, |b, w| {
        let (g, adv) = both(b, w);
        [4.0 * adv[0] - 3.0 * g[0], 4.0 * adv[1] - 3.0 * g[1]]
    });
    assert_formula(Stable, ROUNDING, |b, w| {
        let (g, adv) = both(b, w);
        plus([0.0; 2], length(g), unit(adv))
    });
}

#[test]
fn the_second_order_term() {
    let second_order = LpSam {
        steps: 1,
        second_order: true,
    };
    assert_formula(second_order, 1e-9, |b, w| {
        let [a2, b2, c2] = BATCHES[b];
        let u = unit(grad(b, w));
        let adv = grad(b, plus(w, RHO, u));
        let v = plus(adv, -dot(u, adv), u);
        let hessian_v = [
            (2.0 * a2 * w[0] + c2) * v[0] + c2 * v[1],
            c2 * v[0] + (b2 + c2) * v[1],
        ];
        plus(adv, RHO / length(grad(b, w)), hessian_v)
    });
}

#[test]
fn methods_that_keep_a_vector() {
    let first = grad(0, START);
    assert_formula(Vasso { theta: 0.3 }, ROUNDING, |b, w| {
        let d = match b {
            0 => first,
            _ => plus([0.7 * first[0], 0.7 * first[1]], 0.3, grad(b, w)),
        };
        grad(b, plus(w, RHO, unit(d)))
    });
    let fsam = Fsam {
        sigma: 0.5,
        lambda: 0.9,
    };
    assert_formula(fsam, ROUNDING, |b, w| {
        let d = match b {
            0 => first,
            _ => plus(grad(b, w), -0.5, first),
        };
        grad(b, plus(w, RHO, unit(d)))
    });
    let looksam = LookSam { k: 2, alpha: 0.7 };
    assert_formula(looksam, ROUNDING, |b, w| {
        let adv = grad(0, plus(START, RHO, unit(first)));
        let across = plus(adv, -dot(adv, first) / dot(first, first), first);
        let g = grad(b, w);
        match b {
            0 => adv,
            _ => plus(g, 0.7 * length(g), unit(across)),
        }
    });
    assert_formula(Msam { momentum: 0.9 }, ROUNDING, |b, w| match b {
        0 => first,
        _ => grad(b, plus(w, -RHO, unit(first))),
    });
}

#[test]
fn sampa() {
    let (lambda, first) = (0.2, grad(0, START));
    let climbed = grad(0, plus(START, RHO, unit(first)));
    let method = Sampa { lambda, lr: LR };
    assert_formula(method, ROUNDING, |b, w| {
        if b == 0 {
            return [0.8 * climbed[0], 0.8 * climbed[1]];
        }
        let at_y = grad(1, plus(START, -LR, first));
        let x = plus(w, -LR * lambda, at_y);
        let mixed = grad(1, plus(x, RHO, unit(at_y)));
        plus([0.8 * mixed[0], 0.8 * mixed[1]], lambda, at_y)
    });
}
