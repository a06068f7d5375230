//! An `async fn` can't be under the attribute.
//!
//! An `.await` between the passes would put a step to rest in its middle, for a time that nobody
//! knows, with the perturbed copy of the model in memory. And a step computes without a pause, so
//! that it would hold up all other tasks of its thread.
//!
//! Mended: train in a plain function, and call that from the async one, in a thread of its own such
//! as `tokio::task::spawn_blocking` gives.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05)]
async fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
