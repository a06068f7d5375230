//! `attribute-not-in-scope`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Net = modules::Linear<4, 3, f32, Cpu>;

#[sam_train(rho = 0.05)]
fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>) {
    let loss = model
        .forward_mut(x.traced(model.alloc_grads()))
        .square()
        .mean();
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

fn main() {}
