//! These are no parameters that SAM could perturb.
//!
//! Most networks are perturbed as a whole. `on` names a part: that of the normalisation layers (SAM-ON), the weights without biases and normalisation
//! layers, or the parameters whose names a closure takes. The gradient is taken of all parameters in either case.
//!
//! Mended: name one of the parts.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 1.0, on = "norms")]
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
