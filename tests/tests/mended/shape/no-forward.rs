//! `no-forward`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Loss = Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>;

fn loss_of(model: &Net, x: X, y: Y) -> Loss {
    cross_entropy_with_logits_loss(model.forward(x.traced(model.alloc_grads())), y)
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    for (x, y) in data {
        let loss = loss_of(model, x, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
