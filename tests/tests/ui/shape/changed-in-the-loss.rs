//! A side effect in the statements that run twice.
//!
//! The statements that lead from the model to the loss run once in each of the two passes, and with
//! `m` for each chunk. What they change outside would be changed as often: a counter would count
//! double.
//!
//! Mended: give the change a statement of its own. It then runs once for each batch: after the
//! passes if it reads something of the loss, and before them if the loss reads it.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let mut calls = 0;
        let logits = model.forward_mut(x.traced(grads));
        let loss = {
            calls += 1;
            cross_entropy_with_logits_loss(logits, y)
        };
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        println!("{calls}");
    }
}

fn main() {}
