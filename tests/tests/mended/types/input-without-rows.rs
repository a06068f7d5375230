//! `input-without-rows`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

type Scale = modules::Linear<1, 1, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4)]
fn train(
    model: &mut Scale,
    opt: &mut Sgd<Scale, f32, Cpu>,
    data: Vec<Tensor<Rank2<8, 1>, f32, Cpu>>,
) {
    let mut grads = model.alloc_grads();
    for x in data {
        let y = model.forward_mut(x.traced(grads));
        grads = y.square().mean().backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
