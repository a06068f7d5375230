//! `two-models`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Code = modules::Linear<4, 4, f32, Cpu>;
type Both = (Code, Net);

#[sam_train(rho = 0.05)]
fn train(model: &mut Both, opt: &mut Sgd<Both, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
