//! Two `backward`s share their statements.
//!
//! A function may have as many steps as it likes; each is a forward pass, a loss and a `backward` of its
//! own, with a perturbation of its own. What leads to a `backward` runs again for that step. A statement
//! that leads to two of them would have to run again for each, from a tape that dfdx hands out once.
//!
//! Where one update follows several losses, add the losses and call `backward` once.
//!
//! Mended: choose the loss, or add the losses, and call `backward` once.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        if y.clone().sum::<Rank0, _>().array() == 8.0 {
            grads = cross_entropy_with_logits_loss(logits, y).backward();
        } else {
            grads = mse_loss(logits, y).backward();
        }
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
