//! 3 divides a batch of 6, but not one of 8.
//!
//! Entry: m-does-not-divide

use dfdx::{optim::*, prelude::*};
use sam_runtime::sam_train;

type Net = modules::Linear<4, 3, f32, Cpu>;
type X<const B: usize> = Tensor<Rank2<B, 4>, f32, Cpu>;
type Y<const B: usize> = Tensor<Rank2<B, 3>, f32, Cpu>;

#[sam_train(rho = 0.05, m = 3)]
fn train<const B: usize>(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X<B>, Y<B>)>) {
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
    train::<6>(&mut model, &mut opt, vec![(dev.zeros(), dev.zeros())]);
    train::<8>(&mut model, &mut opt, data);
}
