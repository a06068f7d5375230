//! A change for the loss would overtake a statement that reads the old value.
//!
//! Between the forward pass and `backward`, what the loss needs runs before the passes, and what it
//! does not need, such as printing, after them. The statement that prints would so see the new
//! value, where without the attribute it sees the old one.
//!
//! Mended: move both before the forward pass, where the order stays as it is.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    let mut weight = 1.0;
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        println!("weight {weight}");
        weight *= 0.9;
        let loss = cross_entropy_with_logits_loss(logits, y) * weight;
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
