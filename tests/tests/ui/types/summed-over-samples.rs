//! With `m`, a loss is a sum over the samples.
//!
//! With `m`, each chunk of the batch has a loss of its own, and the loss of the batch is the mean of them, weighted by
//! their sizes. Of a loss that is a mean over the samples that is the loss of the batch; of a sum it is the sum
//! divided by the number of chunks. A sum over other axes, and one over weights, is right.
//!
//! Mended: take the mean over the samples, and multiply it where the loss is to be larger.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    for (x, y) in data {
        let output = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = (output - y).square().sum();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
