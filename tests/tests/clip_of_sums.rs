//! With `clip`, where the gradients of several batches add up to an update: their sum has the bound, and is
//! clipped once. PyTorch's loops do it so: `clip_grad_norm_` stands before `optimizer.step()`.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{Sam, prelude::*, step::Clip};
use sam_tests::{Classes, classes, distance, norm, parameters, sgd, state};

type Net = (Linear<4, 16>, Tanh, Linear<16, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Opt = Sgd<Built, f64, Cpu>;
type Data = Classes<6, 4, 3, f64>;
type Error = Box<dyn std::error::Error>;

const RHO: f64 = 0.3;
/// Smaller than each gradient, and than the sum of two.
const BOUND: f64 = 0.02;
/// Norms are summed in another order where memory lies otherwise.
const TOLERANCE: f64 = 1e-12;

fn batches() -> Vec<Data> {
    (0..6).map(|seed| classes(&Cpu::default(), seed)).collect()
}

/// Steps and clips by hand: the weights.
fn by_hand(batches: &[Data], bounds: Clip) -> Vec<f64> {
    let (mut model, mut opt) = start();
    let mut grads = model.alloc_grads();
    for (i, batch) in batches.iter().cloned().enumerate() {
        let step = Sam::new(RHO).step(&mut model, batch, grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        });
        grads = step.unwrap();
        if i % 2 == 1 {
            sam_runtime::step::clip(&model, &mut grads, bounds).unwrap();
            opt.update(&mut model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }
    parameters(&model)
}

fn start() -> (Built, Opt) {
    let model = Cpu::seed_from_u64(1).build_module::<Net, f64>();
    let opt = sgd(&model, 0.5);
    (model, opt)
}

/// The update stands under an `if`.
#[sam_train(rho = RHO, clip = BOUND)]
fn under_an_if(model: &mut Built, opt: &mut Opt, data: &[Data]) {
    let mut grads = model.alloc_grads();
    for (i, (x, y)) in data.iter().cloned().enumerate() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        if i % 2 == 1 {
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }
}

/// A `continue` guards it.
#[sam_train(rho = RHO, clip = BOUND)]
fn behind_a_continue(model: &mut Built, opt: &mut Opt, data: &[Data]) -> Result<(), Error> {
    let mut grads = model.alloc_grads();
    for (i, (x, y)) in data.iter().cloned().enumerate() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        if i % 2 == 0 {
            continue;
        }
        opt.update(model, &grads)?;
        model.zero_grads(&mut grads);
    }
    Ok(())
}

/// It is behind the loop over the parts of a batch.
#[sam_train(rho = RHO, clip = BOUND)]
fn behind_a_loop(model: &mut Built, opt: &mut Opt, data: &[Data]) -> Result<(), Error> {
    for pair in data.chunks(2) {
        let mut grads = model.alloc_grads();
        for (x, y) in pair.iter().cloned() {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
        }
        opt.update(model, &grads)?;
    }
    Ok(())
}

/// Two passes are written out.
#[sam_train(rho = RHO, clip = BOUND)]
fn behind_two_passes(model: &mut Built, opt: &mut Opt, data: &[Data]) {
    for pair in data.chunks(2) {
        let (x, y) = pair[0].clone();
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        let (x, y) = pair[1].clone();
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// A closure updates.
#[sam_train(rho = RHO, clip = BOUND)]
fn in_a_closure(model: &mut Built, opt: &mut Opt, data: &[Data]) {
    let mut grads = model.alloc_grads();
    for (i, (x, y)) in data.iter().cloned().enumerate() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        if i % 2 == 1 {
            timed(|| opt.update(model, &grads)).unwrap();
            model.zero_grads(&mut grads);
        }
    }
}

struct Trainer {
    model: Built,
    opt: Opt,
    grads: Option<Gradients<f64, Cpu>>,
    bound: f64,
}

impl Trainer {
    /// One batch of a struct that keeps its gradients.
    #[sam_train(rho = RHO, clip = self.bound)]
    fn step(&mut self, (x, y): Data, is_last: bool) -> Result<(), Error> {
        let grads = self.grads.take().expect("there from the beginning");
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        if is_last {
            self.opt.update(&mut self.model, &grads)?;
            self.model.zero_grads(&mut grads);
        }
        self.grads = Some(grads);
        Ok(())
    }
}

fn by_trainer(data: &[Data]) -> Vec<f64> {
    let (model, opt) = start();
    let mut trainer = Trainer {
        grads: Some(model.alloc_grads()),
        model,
        opt,
        bound: BOUND,
    };
    for (i, batch) in data.iter().cloned().enumerate() {
        trainer.step(batch, i % 2 == 1).unwrap();
    }
    parameters(&trainer.model)
}

fn trained(train: impl Fn(&mut Built, &mut Opt, &[Data])) -> Vec<f64> {
    let (mut model, mut opt) = start();
    train(&mut model, &mut opt, &batches());
    parameters(&model)
}

#[test]
fn the_update_gets_the_sum_clipped_once() {
    let bounds = Clip {
        norm: Some(BOUND),
        ..Clip::NONE
    };
    let expected = by_hand(&batches(), bounds);
    assert!(distance(&by_hand(&batches(), Clip::NONE), &expected) > 1e-2);
    for found in [
        trained(under_an_if),
        trained(|m, opt, data| behind_a_continue(m, opt, data).unwrap()),
        trained(|m, opt, data| behind_a_loop(m, opt, data).unwrap()),
        trained(behind_two_passes),
        trained(in_a_closure),
        by_trainer(&batches()),
    ] {
        assert!(distance(&found, &expected) < TOLERANCE);
    }
}

#[test]
fn each_element_of_the_sum_has_its_bound() {
    #[sam_train(rho = RHO, clip_value = 0.002)]
    fn train(model: &mut Built, opt: &mut Opt, data: &[Data]) {
        let mut grads = model.alloc_grads();
        for (i, (x, y)) in data.iter().cloned().enumerate() {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            if i % 2 == 1 {
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
        }
    }
    let bounds = Clip {
        value: Some(0.002),
        ..Clip::NONE
    };
    let expected = by_hand(&batches(), bounds);
    assert!(distance(&trained(train), &expected) < TOLERANCE);
}

#[test]
fn a_bound_that_is_none_leaves_the_weights() {
    let (model, opt) = start();
    let before = state(&model);
    let mut trainer = Trainer {
        grads: Some(model.alloc_grads()),
        model,
        opt,
        bound: -1.0,
    };
    trainer.step(batches()[0].clone(), false).unwrap();
    let error = trainer.step(batches()[1].clone(), true).unwrap_err();
    assert!(error.to_string().starts_with("a gradient is clipped to"));
    assert_eq!(state(&trainer.model), before);
}

/// What the loop's own gradients are: the sum, as it was before the update.
#[test]
fn the_gradients_of_the_loop_stay_as_they_are() {
    #[sam_train(rho = RHO, clip = BOUND)]
    fn train(model: &mut Built, opt: &mut Opt, (x, y): Data, is_last: bool) -> f64 {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        if is_last {
            opt.update(model, &grads).unwrap();
        }
        norm(&sam_tests::gradient(model, &grads), 2.0)
    }
    let (mut model, mut opt) = start();
    assert!(train(&mut model, &mut opt, batches()[0].clone(), true) > 2.0 * BOUND);
}
