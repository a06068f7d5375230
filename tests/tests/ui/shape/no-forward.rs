//! No forward pass with a tape comes before `backward`.
//!
//! A step begins where the tape does: at `x.traced(grads)`, `x.trace(grads)`, `x.leaky_traced()`,
//! `x.leaky_trace()` or `x.put_tape(tape)`, or in a call that is handed the model, whose function then
//! traces. None is here: the forward pass is in another function, and can't be run again.
//!
//! Mended: run it here. If a function of yours does it, call that here, and hand it the model.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Loss = Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>;

fn losses(model: &Net, data: Vec<(X, Y)>) -> Vec<Loss> {
    let loss = |(x, y): (X, Y)| {
        cross_entropy_with_logits_loss(model.forward(x.traced(model.alloc_grads())), y)
    };
    data.into_iter().map(loss).collect()
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, losses: Vec<Loss>) {
    for loss in losses {
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
