//! The forward pass or the loss changes a value from outside, and would change it twice.
//!
//! What leads from the model to the loss runs again, at the perturbed weights. What it takes from outside
//! was kept before it ran, and the second run can only look at that: a change would happen twice, and the
//! loop would notice. So the compiler says that it "cannot borrow as mutable" (E0596), "cannot assign"
//! (E0594) or "cannot move out of" (E0507), at a token where your own function may well do so. An error about a borrow that is "later
//! used here" (E0502) beside it is the same one.
//!
//! Numbers, tensors and what else is `Clone`, `Send` and `Sync` may be changed there: the second run changes
//! a copy of its own. This is about values of which no such copy can be made, such as trait objects, closures
//! with a state, and what holds an `Rc`.
//!
//! From: rustc
//!
//! Mended: give the change a `let` of its own, before the loss. It then happens once.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    data: Vec<(X, Y)>,
    weights: &mut dyn Iterator<Item = f32>,
) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y) * weights.next().unwrap();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
