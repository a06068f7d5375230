//! A target of a regression is an `f32`, and the network gives rows of one number.
//!
//! Mended: numbers make a batch of the shape `(B,)`, arrays one of the shape `(B, N)`: a target for `Linear<8, 1>` is a `[f32; 1]`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{data::InMemory, prelude::*};

type Mlp = (Linear<2, 8>, ReLU, Linear<8, 1>);
type Net = Built<Mlp>;
type Points = DataLoader<InMemory<([f32; 2], f32)>, 16>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Points, dev: &Cpu) {
    let mut grads = model.alloc_grads();
    for (x, y) in loader.epoch(dev, 0) {
        let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

fn main() {}
