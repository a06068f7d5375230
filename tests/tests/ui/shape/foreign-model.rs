//! The forward pass does not use the model that is trained.
//!
//! In the second pass a perturbed copy takes the place of the model that `update` trains. A forward
//! pass that does not mention it would run at the same weights twice, and SAM would be the base
//! optimizer without a word.
//!
//! Mended: run the forward pass on the model itself. Where a method of its owner runs it, as in
//! `agent.q(x)`, name the owner: `model = agent`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let twin = model.clone();
        let logits = twin.forward(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
