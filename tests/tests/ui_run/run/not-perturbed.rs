//! The second run did not reach all of the perturbed model.
//!
//! What leads from the model to the loss runs again on a copy of the model at the perturbed weights, under
//! the name that `update` gives the model. Where it reaches weights by another way, which the attribute
//! does not see, such as a struct that was made of a part of the model, they are the ones that were not
//! perturbed. The first steps of each call find that out: the gradient arrives at the model's own
//! parameters, which the message names.
//!
//! This is an error when the program runs: a [`StepError`](../keys.md#errors-when-it-runs).
//!
//! Mended: run the model by its name, and build what is made of it where it is used. A reference to a part of
//! it (`let layer = &model.0;`) and a closure that runs it are seen.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = (
    modules::Linear<4, 4, f32, Cpu>,
    modules::Linear<4, 3, f32, Cpu>,
);
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

struct Encoder<'a> {
    layer: &'a modules::Linear<4, 4, f32, Cpu>,
}

impl Encoder<'_> {
    fn encode(&self, x: Tensor<Rank2<8, 4>, f32, Cpu, OwnedTape<f32, Cpu>>) -> Code {
        self.layer.forward(x)
    }
}

type Code = Tensor<Rank2<8, 4>, f32, Cpu, OwnedTape<f32, Cpu>>;

#[sam_train(rho = 0.05)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let encoder = Encoder { layer: &model.0 };
        let logits = model.1.forward(encoder.encode(x.traced(grads)));
        let loss = cross_entropy_with_logits_loss(logits, y);
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

pub(crate) fn main() {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<(Linear<4, 4>, Linear<4, 3>), f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let batch = (dev.sample_normal(), dev.sample_normal());
    train(&mut model, &mut opt, vec![batch]);
}
