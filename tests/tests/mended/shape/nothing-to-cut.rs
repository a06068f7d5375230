//! `nothing-to-cut`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = (
    modules::Linear<4, 4, f32, Cpu>,
    modules::Linear<4, 3, f32, Cpu>,
);
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 4, split = [x, y])]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: &X, y: &Y) {
    for _ in 0..10 {
        let grads = model.alloc_grads();
        let logits = model.1.forward(model.0.forward(x.clone()).traced(grads));
        let grads = mse_loss(logits, y.clone()).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
