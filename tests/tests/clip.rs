//! The key `clip`, and the same as a function: bounds for the final gradient, and for no other.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    Sam,
    prelude::*,
    step::{Clip, clip},
};
use sam_tests::{Classes, classes, norm, parameters};

type Net = (Linear<4, 16>, Tanh, Linear<16, 3>);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Data = Classes<6, 4, 3, f32>;

const RHO: f64 = 0.3;

/// One update under different attributes.
macro_rules! update {
    ($name:ident($bound:ident), $($key:tt)*) => {
        #[sam_train($($key)*)]
        fn $name(model: &mut Built, opt: &mut Sgd<Built, f32, Cpu>, (x, y): Data, $bound: f64) -> Result<(), Box<dyn std::error::Error>> {
            let _ = $bound;
            let logits = model.forward_mut(x.traced(model.alloc_grads()));
            let loss = cross_entropy_with_logits_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads)?;
            Ok(())
        }
    };
}

update!(free(bound), rho = 0.3);
update!(by_norm(bound), rho = 0.3, clip = bound);
update!(by_literal(bound), rho = 0.3, clip = 1e-3);
update!(by_value(bound), rho = 0.3, clip_value = bound);
update!(base_by_norm(bound), rho = 0.0 * bound, clip = bound);

type Update =
    fn(&mut Built, &mut Sgd<Built, f32, Cpu>, Data, f64) -> Result<(), Box<dyn std::error::Error>>;

fn model() -> Built {
    Cpu::seed_from_u64(1).build_module::<Net, f32>()
}

fn batch() -> Data {
    classes(&Cpu::default(), 3)
}

/// What the update subtracts with a learning rate of 1, in f64.
fn gradient(update: Update, bound: f64) -> Vec<f64> {
    let (before, mut after) = (model(), model());
    let config = SgdConfig {
        lr: 1.0,
        ..Default::default()
    };
    let mut opt = Sgd::new(&after, config);
    update(&mut after, &mut opt, batch(), bound).unwrap();
    let pairs = parameters(&before).into_iter().zip(parameters(&after));
    pairs.map(|(b, a)| b - a).collect()
}

fn assert_close(found: &[f64], expected: impl Iterator<Item = f64>) {
    for (a, b) in found.iter().zip(expected) {
        // Weights of order 1 hide what is below their last bit.
        assert!((a - b).abs() < 2e-7, "{a} {b}");
    }
}

#[test]
fn a_long_gradient_is_scaled_down_to_its_bound() {
    let all = gradient(free, 0.0);
    let bound = norm(&all, 2.0) / 3.0;
    assert_close(&gradient(by_norm, bound), all.iter().map(|g| g / 3.0));
    let bound = norm(&all, 2.0) * 1.01;
    assert_eq!(gradient(by_norm, bound), all);
    assert!((norm(&gradient(by_literal, 0.0), 2.0) - 1e-3).abs() < 1e-6);
}

#[test]
fn elements_are_bounded_one_by_one() {
    let all = gradient(free, 0.0);
    let largest = all.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    let bound = largest / 4.0;
    let expected = all.iter().map(|g| g.clamp(-bound, bound));
    assert_close(&gradient(by_value, bound), expected);
    assert_eq!(gradient(by_value, largest * 1.01), all);
}

#[test]
fn at_rho_0_the_base_optimizers_gradient_is_bounded() {
    assert!((norm(&gradient(base_by_norm, 1e-2), 2.0) - 1e-2).abs() < 1e-6);
}

#[test]
fn the_ascent_is_not_clipped() {
    let report = |update: Update| {
        gradient(update, 1e-3);
        last_report().unwrap()
    };
    let (free, clipped) = (report(free), report(by_norm));
    assert_eq!(free.gradient_norm(), clipped.gradient_norm());
    assert_eq!(free.perturbed_loss(), clipped.perturbed_loss());
}

#[test]
fn the_functions_are_the_key() {
    let step = |sam: Sam| -> (Built, Gradients<f32, Cpu>) {
        let mut model = model();
        let start = model.alloc_grads();
        let grads = sam.step(&mut model, batch(), start, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        });
        (model, grads.unwrap())
    };
    let all = |(model, grads): &(Built, Gradients<f32, Cpu>)| {
        let (a, _, b) = model;
        [grads.get(&a.weight).as_vec(), grads.get(&b.weight).as_vec()].concat()
    };
    let by_step = step(Sam::new(RHO).clip(0.01).clip_value(0.004));
    let mut by_hand = step(Sam::new(RHO));
    let bounds = Clip {
        norm: Some(0.01),
        value: Some(0.004),
    };
    clip(&by_hand.0, &mut by_hand.1, bounds).unwrap();
    assert_eq!(all(&by_step), all(&by_hand));
    assert!(all(&by_step).iter().any(|g| *g != 0.0));
}

#[test]
fn a_bound_that_is_none_is_refused_before_anything_happens() {
    for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let (mut model, untouched) = (model(), model());
        let mut opt = Sgd::new(&model, SgdConfig::default());
        let error = by_norm(&mut model, &mut opt, batch(), bound).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a gradient is clipped to a finite bound above 0, not to")
        );
        assert_eq!(model.0.weight.array(), untouched.0.weight.array());
    }
}

#[test]
fn what_is_not_finite_stays_it() {
    let model = model();
    let mut grads = model.alloc_grads();
    grads.get_or_alloc_mut(&model.0.bias).unwrap()[0] = f32::NAN;
    grads.get_or_alloc_mut(&model.0.bias).unwrap()[1] = 7.0;
    let bounds = Clip {
        norm: Some(1.0),
        ..Clip::NONE
    };
    clip(&model, &mut grads, bounds).unwrap();
    let bias = grads.get(&model.0.bias).as_vec();
    assert!(bias[0].is_nan());
    assert_eq!(bias[1], 7.0);
}
