//! `nothing-to-cut`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

fn loss_of<const B: usize>(
    model: &mut Net,
    x: Tensor<Rank2<B, 4>, f32, Cpu>,
    y: Tensor<Rank2<B, 3>, f32, Cpu>,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    mse_loss(model.forward_mut(x.traced(model.alloc_grads())), y)
}

#[sam_train(rho = 0.05, m = 4, split = [x, y])]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: &X, y: &Y) {
    for _ in 0..10 {
        let loss = loss_of(model, x.clone(), y.clone());
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
