//! `backward` in a closure, behind a forward pass that leaves the loop.
//!
//! Entry: backward-in-another-block

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let loss = {
            let logits = model.forward_mut(x.traced(grads.clone()));
            let loss = cross_entropy_with_logits_loss(logits, y);
            if loss.array() > 10.0 {
                continue;
            }
            loss
        };
        grads = (|| loss.backward())();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
