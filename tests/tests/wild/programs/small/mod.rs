//! The smallest forms of what is hard in people's loops, by kind, on one small network.

pub(crate) mod arms;
pub(crate) mod arms_or_one;
pub(crate) mod borrowed;
pub(crate) mod input_gradient;
pub(crate) mod moving_baseline;
pub(crate) mod optimizers;
pub(crate) mod printing;
pub(crate) mod recorded;

use dfdx::{optim::*, prelude::*};

use super::sam_train;
use crate::harness;

type Net = modules::Linear<4, 2, f64, Cpu>;
type X = Tensor<Rank2<8, 4>, f64, Cpu>;
type Y = Tensor<Rank2<8, 2>, f64, Cpu>;

/// Runs a small form on as many batches as there are steps; they have the labels of another network.
fn supervised(train: impl FnOnce(&mut Net, &mut Sgd<Net, f64, Cpu>, Vec<(X, Y)>)) {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Linear<4, 2>, f64>();
    let teacher = dev.build_module::<Linear<4, 2>, f64>();
    harness::init(&mut model);
    let mut opt = sam_tests::sgd(&model, harness::lr());
    let batch = |_| {
        let x: X = dev.sample_normal();
        (x.clone(), teacher.forward(x))
    };
    let data: Vec<_> = (0..harness::steps()).map(batch).collect();
    let (x, y) = data[0].clone();
    let loss = |model: &Net| mse_loss(model.forward(x.clone()), y.clone()).array();
    harness::loss(loss(&model));
    train(&mut model, &mut opt, data);
    harness::loss(loss(&model));
    harness::done(&model);
}
