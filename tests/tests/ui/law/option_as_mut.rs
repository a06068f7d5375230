//! The weight comes from a `&mut` method of what may be missing.
//!
//! Entry: none, for `law` shows it, and the form that it takes as `option_as_mut_mended`.

#[path = "../../law/common.rs"]
mod common;

use common::*;
use sam_runtime::sam_train;

#[sam_train(rho = 1e-30)]
pub(crate) fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) -> usize {
    let mut ramp = Some(Ramp::default());
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(model.alloc_grads()));
        let loss = mse_loss(logits, y.clone()) * ramp.as_mut().map_or(1.0, |ramp| ramp.step());
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
    ramp.unwrap().calls
}

fn main() {}
