//! A forward site in each arm, and one site after them: the same step, whatever gradients are kept.

use super::{Net, X, Y, sam_train};
use crate::harness as h;
use dfdx::{optim::*, prelude::*, tensor::Gradients};

#[sam_train(rho = 0.05)]
fn arms(
    model: &mut Net,
    opt: &mut Sgd<Net, f64, Cpu>,
    kept: Option<Gradients<f64, Cpu>>,
    x: X,
    y: Y,
) -> Gradients<f64, Cpu> {
    let x = match kept {
        Some(g) => x.traced(g),
        None => x.traced(model.alloc_grads()),
    };
    let loss = mse_loss(model.forward_mut(x), y);
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
    grads
}

#[sam_train(rho = 0.05)]
fn one(
    model: &mut Net,
    opt: &mut Sgd<Net, f64, Cpu>,
    kept: Option<Gradients<f64, Cpu>>,
    x: X,
    y: Y,
) -> Gradients<f64, Cpu> {
    let start = match kept {
        Some(g) => g,
        None => model.alloc_grads(),
    };
    let loss = mse_loss(model.forward_mut(x.traced(start)), y);
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
    grads
}

/// The gradients of a first batch are kept for a second, or not.
fn drive(
    step: fn(
        &mut Net,
        &mut Sgd<Net, f64, Cpu>,
        Option<Gradients<f64, Cpu>>,
        X,
        Y,
    ) -> Gradients<f64, Cpu>,
) {
    super::supervised(|model, opt, data| {
        let mut kept = None;
        for (i, (x, y)) in data.into_iter().enumerate() {
            if !h::takes(i) {
                continue;
            }
            let grads = step(model, opt, kept.take(), x, y);
            kept = (i % 2 == 0).then_some(grads);
        }
    });
}

pub(crate) fn drive_arms() {
    drive(arms);
}

pub(crate) fn drive_one() {
    drive(one);
}
