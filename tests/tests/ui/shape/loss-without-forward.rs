//! The loss does not come from the forward pass.
//!
//! SAM asks how the loss grows with the weights. This loss is computed of other values than the
//! traced input, so that it does not grow at all. Perhaps a variable is shadowed, or the wrong one
//! is named.
//!
//! Mended: call `backward` on what is computed from the output of the model.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Loss = Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>, penalties: Vec<Loss>) {
    let mut grads = model.alloc_grads();
    for ((x, y), penalty) in data.into_iter().zip(penalties) {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        println!("{} {}", loss.array(), penalty.array());
        grads = penalty.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
