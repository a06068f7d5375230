//! The radius is not given.
//!
//! `rho` is how far SAM looks around the weights for the worst point. It has no default, because it
//! decides what SAM does: at too small a radius it is the base optimizer at twice the cost, at too
//! large a one the gradient says nothing about the weights. The best radius depends on the network
//! and on the labels.
//!
//! Mended: begin with 0.05, the paper's choice for clean data; wrong labels want more.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train()]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
