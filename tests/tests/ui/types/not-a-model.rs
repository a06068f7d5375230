//! The model is no `TensorCollection`.
//!
//! SAM visits the parameters of the model that `update` trains or the key `model` names, as dfdx's
//! `TensorCollection` allows, and makes a copy of it, by `Clone`. All built modules are
//! such collections. (A type such as `(Linear<4, 8>, ReLU)` only says what to build: the model is
//! `<Mlp as BuildOnDevice<Cpu, f32>>::Built`.)
//!
//! Mended: name the field that is one, or implement `TensorCollection`.

use dfdx::prelude::*;
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Own(Net);

#[sam_train(rho = 0.05, model = model)]
fn gradient(model: &mut Own, x: X, y: Y) -> Gradients<f32, Cpu> {
    let grads = model.0.alloc_grads();
    let logits = model.0.forward(x.traced(grads));
    let loss = cross_entropy_with_logits_loss(logits, y);
    loss.backward()
}

fn main() {}
