//! There are two training steps in the function.
//!
//! Each `backward` is a step with a perturbation of its own. The macro reads one run of statements,
//! from a forward pass to its `backward`, and one set of keys for it.
//!
//! Where one update follows several losses, add the losses and call `backward` once.
//!
//! Mended: give each step a function and an attribute.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.trace(grads));
        grads = cross_entropy_with_logits_loss(logits, y.clone()).backward();
        opt.update(model, &grads).unwrap();
        let logits = model.forward_mut(x.traced(grads));
        grads = mse_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
