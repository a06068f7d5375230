//! A label is a `usize`, and the loss takes one-hot rows.
//!
//! Mended: a label is a `Class`, which becomes a one-hot row of the batch.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{data::InMemory, prelude::*};

type Mlp = (Linear<2, 8>, ReLU, Linear<8, 3>);
type Net = Built<Mlp>;
type Points = DataLoader<InMemory<([f32; 2], usize)>, 16>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Points, dev: &Cpu) {
    let mut grads = model.alloc_grads();
    for (x, y) in loader.epoch(dev, 0) {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

fn main() {}
