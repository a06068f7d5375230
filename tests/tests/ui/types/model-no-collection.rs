//! A model that is no `TensorCollection`.
//!
//! Entry: not-a-model

use dfdx::prelude::*;
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[derive(Clone)]
struct Own(Net);

struct Opt;

impl Opt {
    fn update(&mut self, _: &mut Own, _: &Gradients<f32, Cpu>) {}
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Own, opt: &mut Opt, data: Vec<(X, Y)>) {
    let mut grads = model.0.alloc_grads();
    for (x, y) in data {
        let logits = model.0.forward(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads);
    }
}

fn main() {}
