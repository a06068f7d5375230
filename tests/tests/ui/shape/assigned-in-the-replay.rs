//! An assignment to what the loss then reads, of a type whose clones share.
//!
//! Entry: changed-in-the-replay

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

use std::rc::Rc;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>, weight: &mut Rc<f32>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = {
            *weight = Rc::new(**weight * 0.9);
            cross_entropy_with_logits_loss(logits, y) * **weight
        };
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
