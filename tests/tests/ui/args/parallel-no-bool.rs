//! The chunks of a batch run at once, or they don't.
//!
//! The number of threads is that of the pool of rayon's, which `RAYON_NUM_THREADS` says.
//!
//! Mended: write `true`, or leave the key out.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4, parallel = 2)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
