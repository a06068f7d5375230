//! An element of `split` is no variable.
//!
//! In each pass a chunk takes the place of what it was cut from, under the same name. An expression
//! has no name that a chunk could take.
//!
//! Mended: bind it to a variable before the forward pass.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4, split = [pair.0, pair.1])]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for pair in data {
        let logits = model.forward_mut(pair.0.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, pair.1);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
