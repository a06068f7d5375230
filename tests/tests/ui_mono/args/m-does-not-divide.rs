//! `m` does not divide the batch.
//!
//! The type of the batch says how many samples it has, and each chunk must have the type of a batch
//! of `m` samples: a smaller last chunk would be of another type. A batch of dynamic size may have
//! one.
//!
//! `cargo check` does not find this: it is found when the function is compiled for its batch.
//!
//! Mended: choose an `m` that divides the batch, or make the size of the batch dynamic.

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 3)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<builders::Linear<4, 3>, f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let data = vec![(dev.zeros(), dev.zeros())];
    train(&mut model, &mut opt, data);
}
