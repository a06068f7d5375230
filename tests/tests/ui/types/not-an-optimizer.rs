//! What `update` is called on is no optimizer of the model.
//!
//! The attribute takes the call of `update` with a model and gradients for the one that trains, and
//! its model for the one to perturb. This type is no dfdx `Optimizer` of it.
//!
//! Mended: implement `Optimizer`. If this `update` does not train, name the model with `model`.

use dfdx::prelude::*;
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Meter;

impl Meter {
    fn update(&mut self, _: &mut Net, _: &Gradients<f32, Cpu>) {}
}

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, meter: &mut Meter, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        meter.update(model, &grads);
    }
}

fn main() {}
