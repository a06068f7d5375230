//! This rho is most likely that of another method.
//!
//! The best rho differs by the method by a factor of up to 100: SAM takes 0.05 to 0.2, ASAM 0.5 to 2, SAM on normalisation layers 1, MSAM 3. With SAM's rho, MSAM does
//! next to nothing, and with MSAM's, SAM diverges.
//!
//! Mended: take the method's own rho. If it is meant, write it as an expression: `rho = { 0.05 }`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, method = msam)]
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
