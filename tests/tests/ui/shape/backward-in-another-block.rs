//! `backward` is called in a loop that its forward pass is not in.
//!
//! A step is one forward pass and one `backward`: the gradient is taken at the weights, then the forward
//! pass and the loss run again at the perturbed ones. In a loop, `backward` would be called as often for a
//! forward pass that ran once. The same holds for a closure, where the forward pass leaves the function or
//! its loop: a closure can't.
//!
//! Any other block is right: the branch of an `if`, an arm, a block in braces.
//!
//! Mended: call `backward` beside its forward pass, or let the forward pass stand in the loop too.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads.clone()));
        let mut losses = vec![cross_entropy_with_logits_loss(logits, y)];
        while let Some(loss) = losses.pop() {
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }
}

fn main() {}
