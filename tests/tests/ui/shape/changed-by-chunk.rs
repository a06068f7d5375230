//! With `m`, the loss would change a variable by what it computes of one chunk.
//!
//! With `m`, the forward pass and the loss run over the chunks of the batch. What reads them from outside gets the
//! whole batch: the mean of the chunks' losses, their outputs joined. Here the loss depends in turn on what was
//! changed by it, so that the change is a part of the loss, and is made for each chunk.
//!
//! Mended: let the loss depend on what the variable was before, or leave `m` out.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) -> f32 {
    let mut average = 1.0;
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        average = 0.9 * average + 0.1 * loss.array();
        let loss = loss / average;
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
    average
}

fn main() {}
