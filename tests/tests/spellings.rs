//! However a loop spells its three sites, the gradient is the same, bit for bit.

use dfdx::{
    optim::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};
use sam_runtime::prelude::*;
use sam_tests::*;

const B: usize = 6;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data = Classes<B, 4, 3, f64>;

fn start() -> (Built, Data) {
    let dev = Cpu::seed_from_u64(2);
    (dev.build_module::<Net, f64>(), classes(&dev, 1))
}

/// The weights after one full-batch loop of three steps.
fn run(train: fn(&mut Built, Data)) -> Vec<u64> {
    let (mut model, data) = start();
    train(&mut model, data);
    state(&model)
}

#[sam_train(rho = 0.3)]
fn canonical(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for (x, y) in vec![(x, y); 3] {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

#[sam_train(rho = 0.3)]
fn full_batch(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for _ in 0..3 {
        let logits = model.forward_mut(x.trace(grads));
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

#[sam_train(rho = 0.3)]
fn leaky(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    for (x, y) in vec![(x, y); 3] {
        let loss = cross_entropy_with_logits_loss(model.forward_mut(x.leaky_traced()), y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

#[sam_train(rho = 0.3)]
fn leaky_by_reference(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    for _ in 0..3 {
        let logits = model.forward_mut(x.leaky_trace());
        let grads = cross_entropy_with_logits_loss(logits, y.clone()).backward();
        if let Err(error) = opt.update(model, &grads) {
            panic!("{error:?}");
        }
    }
}

#[sam_train(rho = 0.3)]
fn fallible(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    let mut grads = Some(model.alloc_grads());
    let mut i = 0;
    while i < 3 {
        i += 1;
        let start = grads.take().unwrap_or_else(|| model.alloc_grads());
        let logits = model.try_forward_mut(x.trace(start)).unwrap();
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        let found: Result<Gradients<f64, Cpu>, CpuError> = loss.try_backward();
        let mut found = found.unwrap();
        opt.update(model, &found).expect("every parameter is used");
        model.zero_grads(&mut found);
        grads = Some(found);
    }
}

struct Sample<X> {
    input: X,
}

/// A block that follows the input would be taken for another expression.
#[sam_train(rho = 0.3)]
fn in_a_struct_literal(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    for (x, y) in vec![(x, y); 3] {
        let logits = model.forward_mut(Sample { input: x }.input.traced(model.alloc_grads()));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

/// An input that the model computes, an operation in parentheses.
#[sam_train(rho = 0.3)]
fn computed_by_the_model(model: &mut Built, (x, y): Data) {
    let mut opt = sgd(model, 0.1);
    for (x, y) in vec![(x, y); 3] {
        let grads = model.alloc_grads();
        let nothing = model.forward(x.clone()).sum::<Rank0, _>().broadcast() * 0.0;
        let logits = model.forward_mut((x + nothing * 0.5).traced(grads));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

struct Trainer {
    model: Built,
    opt: Sgd<Built, f64, Cpu>,
    grads: Option<Gradients<f64, Cpu>>,
}

impl Trainer {
    #[sam_train(rho = 0.3)]
    fn step(&mut self, (x, y): Data) -> f64 {
        let start = self
            .grads
            .take()
            .unwrap_or_else(|| self.model.alloc_grads());
        let loss = cross_entropy_with_logits_loss(self.model.forward_mut(x.traced(start)), y);
        let value = loss.array();
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.model.zero_grads(&mut grads);
        self.grads = Some(grads);
        value
    }
}

fn in_fields(model: &mut Built, data: Data) {
    let mut trainer = Trainer {
        model: model.clone(),
        opt: sgd(model, 0.1),
        grads: None,
    };
    for _ in 0..3 {
        trainer.step(data.clone());
    }
    *model = trainer.model;
}

#[test]
fn every_spelling_trains_alike_bit_for_bit() {
    let expected = run(canonical);
    assert_ne!(expected, state(&start().0));
    assert_eq!(run(full_batch), expected);
    assert_eq!(run(leaky), expected);
    assert_eq!(run(leaky_by_reference), expected);
    assert_eq!(run(fallible), expected);
    assert_eq!(run(in_fields), expected);
    assert_eq!(run(in_a_struct_literal), expected);
    assert_eq!(run(computed_by_the_model), expected);
}

#[sam_train(rho = 0.3)]
fn halved(model: &mut Built, (x, y): Data) -> Gradients<f64, Cpu> {
    let mut opt = sgd(model, 0.0);
    let grads = model.alloc_grads();
    let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
    let grads = (loss / 2.0).backward();
    opt.update(model, &grads).unwrap();
    grads
}

#[sam_train(rho = 0.3)]
fn unhalved(model: &mut Built, (x, y): Data) -> Gradients<f64, Cpu> {
    let mut opt = sgd(model, 0.0);
    let grads = model.alloc_grads();
    let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
    grads
}

#[test]
fn half_the_loss_has_half_the_gradient_and_the_same_perturbation() {
    let (mut model, data) = start();
    let half = halved(&mut model, data.clone());
    let half = gradient(&model, &half);
    let report = last_report().unwrap();
    let whole = unhalved(&mut model, data);
    let whole = gradient(&model, &whole);
    let doubled: Vec<f64> = half.iter().map(|g| 2.0 * g).collect();
    assert!(distance(&doubled, &whole) < 1e-14);
    let double = 2.0 * report.gradient_norm().unwrap();
    assert!((double - last_report().unwrap().gradient_norm().unwrap()).abs() < 1e-14);
}
