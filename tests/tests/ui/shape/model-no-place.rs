//! What `update` trains is not a variable or a field.
//!
//! In each pass a copy of the model takes its place in your statements, under its name. An index or
//! a call may give another model each time.
//!
//! Mended: bind the model to a variable before the forward pass, and use that.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let models = std::slice::from_mut(model);
        let logits = models[0].forward_mut(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(&mut models[0], &grads).unwrap();
    }
}

fn main() {}
