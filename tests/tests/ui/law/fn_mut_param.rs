//! The weight comes from an `FnMut`.
//!
//! Entry: none, for `law` shows it, and the form that it takes as `fn_mut_param_mended`.

#[path = "../../law/common.rs"]
mod common;

use common::*;
use sam_runtime::sam_train;

#[sam_train(rho = 1e-30)]
pub(crate) fn train(
    model: &mut Net,
    opt: &mut Opt,
    data: &[(X, Y)],
    weight: &mut dyn FnMut() -> f32,
) {
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(model.alloc_grads()));
        let loss = mse_loss(logits, y.clone()) * weight();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
