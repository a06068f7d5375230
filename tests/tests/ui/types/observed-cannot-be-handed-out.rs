//! With `m`, a value of the forward pass or the loss is read as one of the batch, and it is not known how.
//!
//! The forward pass and the loss run once for each chunk of `m` samples; the statement that reads this value
//! runs once for the batch, and gets one value, without its tapes. How to take a tape off is known for tensors,
//! numbers, and tuples, arrays, `Vec`s and `Option`s of them. Without `m` any value can be read.
//!
//! Mended: take the parts out in a statement before, or implement `sam_runtime::step::Observe` and `Join` for
//! the type.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Scored {
    loss: Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>,
    accuracy: f32,
}

fn score(
    logits: Tensor<Rank2<4, 3>, f32, Cpu, OwnedTape<f32, Cpu>>,
    y: Tensor<Rank2<4, 3>, f32, Cpu>,
) -> Scored {
    Scored {
        loss: cross_entropy_with_logits_loss(logits, y),
        accuracy: 0.0,
    }
}

#[sam_train(rho = 0.05, m = 4)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let scored = score(model.forward_mut(x.traced(grads)), y);
        println!("{}", scored.accuracy);
        grads = scored.loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
