//! However a loop spells its step, its chunks are the same, bit for bit.

use dfdx::{
    optim::*,
    prelude::*,
    tensor::{Gradients, OwnedTape},
};
use sam_runtime::prelude::*;
use sam_tests::*;

const B: usize = 6;
const M: usize = 2;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type X<N> = Tensor<(N, Const<4>), f64, Cpu>;
type Y<N> = Tensor<(N, Const<3>), f64, Cpu>;
type Data = (X<Const<B>>, Y<Const<B>>);
type Tape = OwnedTape<f64, Cpu>;

fn start() -> (Built, Data) {
    let dev = Cpu::seed_from_u64(2);
    (dev.build_module::<Net, f64>(), classes(&dev, 1))
}

/// The weights after three steps.
fn run(train: fn(&mut Built, &[Data])) -> Vec<u64> {
    let (mut model, data) = start();
    train(&mut model, &vec![data; 3]);
    state(&model)
}

#[sam_train(rho = 0.3, m = M)]
fn canonical(model: &mut Built, data: &[Data]) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for (x, y) in data.iter().cloned() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

/// What is a reference in the loop is one in the chunks.
fn predict<N: Dim>(
    model: &mut Built,
    x: &X<N>,
    grads: Gradients<f64, Cpu>,
) -> Tensor<(N, Const<3>), f64, Cpu, Tape> {
    model.forward_mut(x.trace(grads))
}

#[sam_train(rho = 0.3, m = M)]
fn by_reference(model: &mut Built, data: &[Data]) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = predict(model, x, grads);
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

/// A tape that goes on is no second beginning.
#[sam_train(rho = 0.3, m = M)]
fn with_its_tape_put_back(model: &mut Built, data: &[Data]) {
    let mut opt = sgd(model, 0.1);
    for (x, y) in data {
        let grads = model.alloc_grads();
        let (logits, tape) = predict(model, x, grads).split_tape();
        let loss = cross_entropy_with_logits_loss(logits.put_tape(tape), y.clone());
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

macro_rules! same {
    ($value:expr) => {
        $value
    };
}

/// A macro may hold a `continue`; this one holds none.
#[sam_train(rho = 0.3, m = M)]
fn through_a_macro(model: &mut Built, data: &[Data]) {
    let mut opt = sgd(model, 0.1);
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(grads));
        let loss = same!(cross_entropy_with_logits_loss(logits, y.clone()));
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

/// Another step binds the same name.
#[sam_train(rho = 0.3, m = M, model = model)]
fn under_a_name_used_again(model: &mut Built, data: &[Data]) {
    struct Output {
        loss: Tensor<Rank0, f64, Cpu, Tape>,
    }
    let mut opt = sgd(model, 0.1);
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(model.alloc_grads()));
        let out = Output {
            loss: cross_entropy_with_logits_loss(logits, y.clone()),
        };
        let grads = out.loss.backward();
        opt.update(model, &grads).unwrap();
        let out = x.clone().sum::<Rank0, _>();
        assert!(out.array().is_finite());
    }
}

/// A sum over classes keeps the samples, and one over weights has none.
#[sam_train(rho = 0.3, m = M)]
fn with_sums(model: &mut Built, data: &[Data]) {
    let mut opt = sgd(model, 0.1);
    for (x, y) in data.iter().cloned() {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let likelihood = (logits.log_softmax::<Axis<1>>() * y).try_sum::<_, Axis<1>>();
        let size = model.0.weight.clone().square().sum::<Rank0, _>();
        let loss = -likelihood.unwrap().mean() + size * 0.0;
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

/// Its methods run the model, and count.
#[derive(Clone)]
struct Trainer {
    model: Built,
    opt: Sgd<Built, f64, Cpu>,
    calls: usize,
}

impl Trainer {
    fn forward<N: Dim>(
        &mut self,
        x: Tensor<(N, Const<4>), f64, Cpu, Tape>,
    ) -> Tensor<(N, Const<3>), f64, Cpu, Tape> {
        self.calls += 1;
        self.model.forward_mut(x)
    }

    fn loss<N: Dim>(
        &mut self,
        x: Tensor<(N, Const<4>), f64, Cpu, Tape>,
        y: Y<N>,
    ) -> Tensor<Rank0, f64, Cpu, Tape> {
        cross_entropy_with_logits_loss(self.forward(x), y)
    }

    #[sam_train(rho = 0.3, m = M)]
    fn by_forward(&mut self, data: &[Data]) {
        for (x, y) in data {
            let logits = self.forward(x.trace(self.model.alloc_grads()));
            let loss = cross_entropy_with_logits_loss(logits, y.clone());
            let grads = loss.backward();
            self.opt.update(&mut self.model, &grads).unwrap();
        }
    }

    #[sam_train(rho = 0.3, m = M)]
    fn by_loss(&mut self, data: &[Data]) {
        for (x, y) in data.iter().cloned() {
            let x = x.traced(self.model.alloc_grads());
            let grads = self.loss(x, y).backward();
            self.opt.update(&mut self.model, &grads).unwrap();
        }
    }
}

/// A method is called once for a batch, as far as its owner can tell.
fn trained(model: &mut Built, data: &[Data], train: impl Fn(&mut Trainer, &[Data])) {
    let mut trainer = Trainer {
        model: model.clone(),
        opt: sgd(model, 0.1),
        calls: 0,
    };
    train(&mut trainer, data);
    assert_eq!(trainer.calls, data.len());
    *model = trainer.model;
}

#[test]
fn every_spelling_trains_alike_bit_for_bit() {
    let expected = run(canonical);
    assert_ne!(expected, state(&start().0));
    assert_eq!(run(by_reference), expected);
    assert_eq!(run(with_its_tape_put_back), expected);
    assert_eq!(run(through_a_macro), expected);
    assert_eq!(run(under_a_name_used_again), expected);
    assert_eq!(
        run(|m, data| trained(m, data, Trainer::by_forward)),
        expected
    );
    assert_eq!(run(|m, data| trained(m, data, Trainer::by_loss)), expected);
}

#[test]
fn a_sum_over_classes_is_one_of_each_sample() {
    let near = |a: &u64, b: &u64| (f64::from_bits(*a) - f64::from_bits(*b)).abs() < 1e-12;
    let (expected, found) = (run(canonical), run(with_sums));
    assert!(expected.iter().zip(&found).all(|(a, b)| near(a, b)));
}
