//! `update` is given the gradients themselves.
//!
//! Mended: it only looks at them: `&grads`.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);
type Net = Built<Mlp>;
type Digits = DataLoader<Images<Rank1<784>, 10>, 32>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Digits, dev: &Cpu) {
    for (x, y) in loader.epoch(dev, 0) {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, grads).unwrap();
    }
}

fn main() {}
