//! A channel, or gradients, are used in the forward pass or the loss.
//!
//! What leads from the model to the loss runs twice, and these are no values that could be kept for the
//! second time. What is sent would arrive twice, and what was received is gone; gradients are the step's
//! own, and are handed over in the call that traces.
//!
//! Mended: send or receive in a statement of its own. It then happens once.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

use std::sync::mpsc::Receiver;

#[sam_train(rho = 0.05)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    data: Vec<(X, Y)>,
    weights: &Receiver<f32>,
) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y) * weights.recv().unwrap();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
