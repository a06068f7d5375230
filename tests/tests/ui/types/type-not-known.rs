//! The loss uses a value, and it alone says of which type that is.
//!
//! What leads from the model to the loss runs twice, and what it uses is kept for the second time. How that is done follows from the
//! type of the value, which the compiler must know when it comes to the statement: it reads a function from its beginning.
//!
//! Mended: write the type where the value is bound.

use dfdx::{optim::*, prelude::*, tensor::OwnedTape};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

fn weighted(
    logits: Tensor<Rank2<8, 3>, f32, Cpu, OwnedTape<f32, Cpu>>,
    y: Y,
    weight: f32,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    cross_entropy_with_logits_loss(logits, y) * weight
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>, weights: &[f32]) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let weight = weights.iter().sum();
        let logits = model.forward_mut(x.traced(grads));
        let loss = weighted(logits, y, weight);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
