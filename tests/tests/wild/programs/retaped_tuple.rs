//! Two inputs get their tapes by `retaped`.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
type Net = AddInto<(Linear<3, 4>, Linear<2, 4>)>;
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
struct Wrapper(Built);
type In<T> = (
    Tensor<Rank2<4, 3>, f64, Cpu, T>,
    Tensor<Rank2<4, 2>, f64, Cpu, T>,
);
impl Wrapper {
    #[sam_train(rho = 0.05)]
    pub(crate) fn train_on_batch(
        &mut self,
        batch: In<NoneTape>,
        actual: Tensor<Rank2<4, 4>, f64, Cpu>,
        optimizer: &mut Sgd<Built, f64, Cpu>,
    ) -> f64 {
        let batch: In<OwnedTape<f64, Cpu>> = (batch.0.retaped(), batch.1.retaped());
        let y = self.0.forward_mut(batch);
        let loss = mse_loss(y, actual);
        let loss_value = loss.as_vec()[0];
        let grads = loss.backward();
        optimizer.update(&mut self.0, &grads).expect("unused grads");
        loss_value
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Net, f64>();
    h::init(&mut model);
    let mut opt = Sgd::new(
        &model,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut w = Wrapper(model);
    for _ in 0..h::steps() {
        let l = w.train_on_batch((dev.ones() * 0.3, dev.ones() * 0.1), dev.ones(), &mut opt);
        println!("{l}");
        h::loss(l);
    }
    h::done(&w.0);
}
