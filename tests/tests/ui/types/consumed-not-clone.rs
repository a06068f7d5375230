//! A value that the forward pass or the loss uses up is not `Clone`.
//!
//! What leads from the model to the loss runs twice, and this value is moved in it. It is cloned before it is
//! moved, for the second run. dfdx's tensors are `Clone` (a clone shares the data).
//!
//! Mended: make it `Clone`, borrow it, or take out of it what the loss needs in a statement before.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Targets(Y);

fn loss_of<T: Tape<f32, Cpu>>(
    logits: Tensor<Rank2<8, 3>, f32, Cpu, T>,
    targets: Targets,
) -> Tensor<Rank0, f32, Cpu, T> {
    cross_entropy_with_logits_loss(logits, targets.0)
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Targets)>) {
    let mut grads = model.alloc_grads();
    for (x, targets) in data {
        let logits = model.forward_mut(x.traced(grads));
        grads = loss_of(logits, targets).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
