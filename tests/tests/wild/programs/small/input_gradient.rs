//! The gradient of the input is read: a leaky trace keeps it.

use super::{Net, X, Y, sam_train};
use crate::harness as h;
use dfdx::{optim::*, prelude::*};

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, x: X, y: Y) -> f64 {
    let loss = mse_loss(model.forward(x.leaky_trace()), y);
    let grads = loss.backward();
    let size = grads.get(&x).square().sum::<Rank0, _>().sqrt().array();
    opt.update(model, &grads).unwrap();
    size
}

pub(crate) fn drive() {
    super::supervised(|model, opt, data| {
        for (x, y) in data {
            let size = train(model, opt, x, y);
            h::rec(size.to_string());
        }
    });
}
