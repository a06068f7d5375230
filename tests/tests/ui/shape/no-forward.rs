//! No forward pass with a tape comes before `backward`.
//!
//! The passes begin where the tape does: at `x.traced(grads)`, `x.trace(grads)`, `x.leaky_traced()` or
//! `x.leaky_trace()`. None is here; in a helper it is not seen: hand that one `x.traced(grads)`.
//!
//! Mended: let one of these begin the tape.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    for (x, y) in data {
        let logits = model.forward_mut(x.put_tape(OwnedTape::default()));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
