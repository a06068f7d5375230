//! `backward` comes before its forward pass.
//!
//! SAM runs the forward pass and `backward` together, once at the weights and once at the perturbed
//! ones. A loss of the iteration before was computed at other weights, and can't be computed again.
//!
//! Mended: let `backward` follow its own forward pass.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn train(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    mut loss: Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>,
    data: Vec<(X, Y)>,
) {
    for (x, y) in data {
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
        let logits = model.forward_mut(x.traced(grads));
        loss = cross_entropy_with_logits_loss(logits, y);
    }
}

fn main() {}
