//! The weight comes from a `&mut` method of an argument.
//!
//! Entry: none, for `law` shows it, and the form that it takes as `mut_param_method_mended`.

#[path = "../../law/common.rs"]
mod common;

use common::*;
use sam_runtime::sam_train;

#[sam_train(rho = 1e-30)]
pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)], ramp: &mut Ramp) {
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(model.alloc_grads()));
        let loss = mse_loss(logits, y.clone()) * ramp.step();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
