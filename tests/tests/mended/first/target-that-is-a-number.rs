//! `target-that-is-a-number`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{data::InMemory, prelude::*};

type Mlp = (Linear<2, 8>, ReLU, Linear<8, 1>);
type Net = Built<Mlp>;
type Points = DataLoader<InMemory<([f32; 2], [f32; 1])>, 16>;

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
