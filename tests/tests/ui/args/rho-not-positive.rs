//! The radius is 0, negative, or not finite.
//!
//! With a radius of 0 there is no neighbourhood: the second pass would repeat the first one, and
//! the result be that of the base optimizer at twice the cost. A negative radius would look for the
//! best point and not for the worst.
//!
//! To compare with the base optimizer, delete the attribute; the function still trains. A radius
//! that is 0 for some of the steps, as in a warm-up, is an expression: `rho = schedule.at(step)`.
//!
//! Mended: give a radius above 0.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.0)]
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
