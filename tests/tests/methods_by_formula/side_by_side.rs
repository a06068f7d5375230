//! `SideBySide`: SAMPa with its two gradients at once.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    StepError, last_report,
    prelude::*,
    step::{Pass, SideBySide, methods::Sampa},
};
use sam_tests::*;

use crate::{plain::*, world::*};

const LAMBDA: f64 = 0.2;

fn sampa<M, B>() -> SideBySide<M, B, f64>
where
    M: TensorCollection<f64, Cpu, To<f64, Cpu> = M> + Clone + Send,
    B: sam_runtime::step::Twin,
{
    let method = Sampa {
        lambda: LAMBDA,
        lr: LR,
    };
    SideBySide::new(RHO, method)
}

/// Xie et al. (2024), algorithm 1, on plain numbers; the last update has nothing to mix in.
#[test]
fn the_weights_are_those_of_the_paper() {
    let batches = batches(9);
    let (mut model, mut sampa) = (start(), sampa());
    let (mut x, mut y) = (parameters(&model), parameters(&model));
    let mut before: Option<(Vec<f64>, &Data)> = None;
    for batch in &batches {
        let updates = sampa.step(&mut model, batch.clone(), loss).unwrap();
        assert_eq!(updates.is_some(), before.is_some());
        if let Some(gradients) = updates {
            sgd(&model, LR).update(&mut model, gradients).unwrap();
        }
        let at_y = gradient_at(&y, batch);
        assert!((sampa.loss().unwrap() - loss_at(&y, batch)).abs() < 1e-12);
        if let Some((d, last)) = before {
            let climbed = plus(&x, RHO / length(&d), &d);
            let mixed = plus(
                &times(1.0 - LAMBDA, &gradient_at(&climbed, last)),
                LAMBDA,
                &at_y,
            );
            let report = last_report().unwrap();
            assert_eq!((report.rho, report.gradients), (RHO, 2.0));
            assert!((report.perturbed_loss().unwrap() - loss_at(&climbed, last)).abs() < 1e-12);
            assert!((report.gradient_norm().unwrap() - length(&d)).abs() < 1e-12);
            x = plus(&x, -LR, &mixed);
        }
        assert_near(&parameters(&model), &x, 1e-12, "x");
        y = plus(&x, -LR, &at_y);
        before = Some((at_y, batch));
    }
    let (d, last) = before.unwrap();
    let gradients = sampa.finish(&mut model, loss).unwrap().unwrap();
    let found = gradient(&model, gradients);
    let climbed = plus(&x, RHO / length(&d), &d);
    assert_near(
        &found,
        &gradient_at(&climbed, last),
        1e-12,
        "the last update",
    );
    assert!(sampa.finish(&mut model, loss).unwrap().is_none());
    assert_eq!(sampa.loss(), None);
}

/// With dropout and running statistics: what draws, and what is to advance once.
type Noisy = (
    Linear<4, 6>,
    BatchNorm1D<6>,
    Tanh,
    DropoutOneIn<3>,
    Linear<6, 3>,
);
type NoisyModel = Built<Noisy, Cpu, f64>;

fn noisy() -> (Cpu, NoisyModel, Vec<Data>) {
    let dev = Cpu::seed_from_u64(5);
    let mut model = dev.build_module::<Noisy, f64>();
    let len = parameters(&model).len();
    set_parameters(&mut model, &noise(len, 1));
    // Settings that are no tensors.
    (model.1.epsilon, model.1.momentum) = (0.05, 0.3);
    let on = |(x, y): Data| (x.to_device(&dev), y.to_device(&dev));
    let batches = batches(6).into_iter().map(on).collect();
    (dev, model, batches)
}

fn noisy_loss(model: &mut NoisyModel, (x, y): Data, grads: Gradients<f64, Cpu>) -> Loss {
    cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
}

/// The model, and what its generator draws next.
fn trained_noisily(mut sampa: SideBySide<NoisyModel, Data, f64>) -> (Vec<u64>, u64) {
    let (dev, mut model, batches) = noisy();
    for batch in batches {
        if let Some(gradients) = sampa.step(&mut model, batch, noisy_loss).unwrap() {
            sgd(&model, LR).update(&mut model, gradients).unwrap();
        }
    }
    let gradients = sampa.finish(&mut model, noisy_loss).unwrap().unwrap();
    sgd(&model, LR).update(&mut model, gradients).unwrap();
    (state(&model), dev.random_u64())
}

#[test]
fn at_once_or_one_after_the_other_the_bits_are_the_same() {
    let expected = trained_noisily(sampa().one_after_the_other());
    for _ in 0..5 {
        assert_eq!(trained_noisily(sampa()), expected);
    }
}

/// At rho = 0 and without steps both gradients of a batch are the plain one, to the bit: they met the same masks. The
/// generator and the running statistics are where the plain loop leaves them.
#[test]
fn both_gradients_of_a_batch_draw_the_same() {
    let (dev, mut model, batches) = noisy();
    let mut sampa = SideBySide::new(
        0.0,
        Sampa {
            lambda: 0.0,
            lr: 0.0,
        },
    );
    let mut found: Vec<Vec<f64>> = Vec::new();
    for batch in batches {
        let gradients = sampa.step(&mut model, batch, noisy_loss).unwrap();
        found.extend(gradients.map(|gradients| gradient(&model, gradients)));
    }
    let last = sampa.finish(&mut model, noisy_loss).unwrap().unwrap();
    found.push(gradient(&model, last));
    let (plain_dev, mut plain, batches) = noisy();
    for (at, batch) in batches.into_iter().enumerate() {
        let grads = plain.alloc_grads();
        let grads = noisy_loss(&mut plain, batch, grads).backward();
        let expected = gradient(&plain, &grads);
        assert_eq!(bits(found[at].clone()), bits(expected), "batch {at}");
    }
    assert_eq!(state(&model), state(&plain));
    assert_eq!(dev.random_u64(), plain_dev.random_u64());
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing_and_the_next_batch_begins_anew() {
    let batches = batches(4);
    let broken = |(x, y): &Data| (x.clone() * f64::NAN, y.clone());
    let (mut model, mut sampa) = (start(), sampa());
    sampa.step(&mut model, batches[0].clone(), loss).unwrap();
    let before = state(&model);
    let error = sampa.step(&mut model, broken(&batches[1]), loss);
    assert!(matches!(
        error,
        Err(StepError::NonFinite {
            pass: Pass::Clean,
            ..
        })
    ));
    assert_eq!(state(&model), before);
    assert_eq!(sampa.loss(), None);
    let first = sampa.step(&mut model, batches[2].clone(), loss).unwrap();
    assert!(first.is_none());
    let second = sampa.step(&mut model, batches[3].clone(), loss).unwrap();
    assert!(second.is_some());
}

#[test]
fn what_can_not_be_is_refused() {
    let batch = || batches(1).remove(0);
    let refused = |rho: f64, lambda: f64| {
        let mut sampa = SideBySide::new(rho, Sampa { lambda, lr: LR });
        let found = sampa.step(&mut start(), batch(), loss);
        found.map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(-0.1, LAMBDA), StepError::Rho(-0.1));
    assert!(matches!(refused(RHO, 1.5), StepError::Method(_)));
}

/// Another model, or one that was finished, is begun with its own weights.
#[test]
fn another_model_begins_anew() {
    let batches = batches(3);
    let (mut one, mut other, mut sampa) = (start(), start(), sampa());
    sampa.step(&mut one, batches[0].clone(), loss).unwrap();
    let first = sampa.step(&mut other, batches[1].clone(), loss).unwrap();
    assert!(first.is_none());
    assert!(sampa.finish(&mut one, loss).unwrap().is_none());
}
