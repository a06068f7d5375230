//! With `parallel`, the model is on the CPU.
//!
//! Entry: not-for-parallel

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net<D> = modules::Linear<4, 3, f32, D>;
type X<D> = Tensor<Rank2<8, 4>, f32, D>;

#[sam_train(rho = 0.05, m = 4, parallel = true)]
fn train<D: Device<f32>>(model: &mut Net<D>, opt: &mut Sgd<Net<D>, f32, D>, data: Vec<X<D>>) {
    for x in data {
        let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
