//! `not-a-model`, mended.

use dfdx::prelude::*;
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Own(Net);

#[sam_train(rho = 0.05, model = model.0)]
fn gradient(model: &mut Own, x: X, y: Y) -> Gradients<f32, Cpu> {
    let grads = model.0.alloc_grads();
    let logits = model.0.forward(x.traced(grads));
    let loss = cross_entropy_with_logits_loss(logits, y);
    loss.backward()
}

fn main() {}
