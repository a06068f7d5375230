//! `constant-batch-in-a-function`, mended.

use dfdx::{optim::*, prelude::*, tensor::OwnedTape};
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);
type Net = Built<Mlp>;
type Digits = DataLoader<Images<Rank1<784>, 10>, 32>;
type Logits<B> = Tensor<(B, Const<10>), f32, Cpu, OwnedTape<f32, Cpu>>;
type Targets<B> = Tensor<(B, Const<10>), f32, Cpu>;
type Loss = Tensor<(), f32, Cpu, OwnedTape<f32, Cpu>>;

fn loss_of<B: Dim>(logits: Logits<B>, y: Targets<B>) -> Loss {
    cross_entropy_with_logits_loss(logits, y) * 2.0
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, loader: &Digits, dev: &Cpu) {
    let mut grads = model.alloc_grads();
    for (x, y) in loader.dynamic_epoch(dev, 0) {
        let loss = loss_of(model.forward_mut(x.traced(grads)), y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

fn main() {}
