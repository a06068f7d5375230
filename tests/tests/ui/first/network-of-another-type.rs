//! The function is given another network than the one that it trains.
//!
//! Mended: one name for the network, used everywhere, keeps both sides the same.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);

#[sam_train(rho = 0.05)]
fn step(
    model: &mut Built<Mlp>,
    opt: &mut Sgd<Built<Mlp>, f32, Cpu>,
    x: Tensor<Rank2<8, 784>, f32, Cpu>,
    y: Tensor<Rank2<8, 10>, f32, Cpu>,
) {
    let logits = model.forward_mut(x.traced(model.alloc_grads()));
    let grads = cross_entropy_with_logits_loss(logits, y).backward();
    opt.update(model, &grads).unwrap();
}

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<(Linear<784, 64>, ReLU, Linear<64, 10>), f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    step(&mut model, &mut opt, dev.sample_normal(), dev.zeros());
}
