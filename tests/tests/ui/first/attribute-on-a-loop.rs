//! The attribute stands on the loop.
//!
//! Mended: it goes on the function that holds the loop.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);
type Net = Built<Mlp>;
type Digits = DataLoader<Images<Rank1<784>, 10>, 32>;

fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Digits, dev: &Cpu) {
    let mut grads = model.alloc_grads();
    #[sam_train(rho = 0.05)]
    for (x, y) in loader.epoch(dev, 0) {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

fn main() {}
