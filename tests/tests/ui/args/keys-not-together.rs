//! Two keys contradict each other.
//!
//! Some methods decide for themselves what another key would: LookSAM takes one of `k` steps whole, so `every` would leave out steps that it counts on; MSAM and
//! SAMPa go by what they found in the step before. `steps` and `second_order` belong to SAM itself. `ascent` needs a clean pass that only shows where
//! to climb, while GSAM and WSAM put its gradient into the update.
//!
//! Mended: leave out the key that doesn't go with the method.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.1, method = looksam(k = 5), every = 2)]
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
