//! Nothing between the forward pass and `backward` mentions the model that is trained.
//!
//! What leads to the loss runs again on a copy of the model at the perturbed weights, under the name that
//! `update` gives the model. Statements that don't mention it would run at the same weights twice, and SAM
//! would be the base optimizer without a word.
//!
//! Mended: run the forward pass on the model itself. A reference to it (`let net = &self.net;`), a closure
//! that runs it, and a method of what holds it (`self.forward(x)`) do as well.

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
