//! A part of the step is inside a closure, a macro or a nested item.
//!
//! The macro moves statements of the function's own body into the two passes. How often a closure
//! runs is known only when it runs, and what a macro makes of its arguments is not known to another
//! macro.
//!
//! Mended: write it as a statement of the function. Where all of the step is in a closure, make
//! that a function, or call [`Sam::step`](../attribute.md#without-the-attribute), which takes a closure.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let back = move || loss.backward();
        grads = back();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
