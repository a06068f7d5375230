//! `model-is-not-mut`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

#[sam_train(rho = 0.05)]
fn main() {
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Linear<4, 3>, f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    for _ in 0..10 {
        let x: Tensor<Rank2<8, 4>, f32, Cpu> = dev.sample_normal();
        let loss = model
            .forward_mut(x.traced(model.alloc_grads()))
            .square()
            .mean();
        let grads = loss.backward();
        opt.update(&mut model, &grads).unwrap();
    }
}
