//! There is no training step in the function.
//!
//! SAM changes the gradient that `backward` gives to the optimizer. A function without `backward`,
//! such as one that evaluates, has no gradient to change. Nor is it seen in a function that this
//! one calls: the attribute goes on the one that calls `backward`.
//!
//! Mended: write the step, or put the attribute on the function that holds it.

use dfdx::prelude::*;
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, data: Vec<(X, Y)>) {
    for (x, y) in data {
        let logits = model.forward_mut(x);
        let loss = cross_entropy_with_logits_loss(logits, y);
        println!("{}", loss.array());
    }
}

fn main() {}
