//! A network of dfdx's linear layers gets pictures.
//!
//! Mended: `Flatten2D` of `sam_runtime::nn` makes vectors of them. Its `Linear` says so itself.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Mlp = (Linear<3072, 32>, ReLU, Linear<32, 10>);
type Net = Built<Mlp>;
type Pictures = DataLoader<Images<Rank3<3, 32, 32>, 10>, 32>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Pictures, dev: &Cpu) {
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
