//! A value from outside the loop that the slice moves.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: X, y: Y) {
    for _ in 0..1 {
        let logits = model.forward_mut(x.trace(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
        break;
    }
}

fn main() {}
