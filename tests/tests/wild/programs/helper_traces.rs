//! A helper traces and computes the loss of a model behind a lock.

use super::sam_train;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
use std::rc::Rc;
use std::sync::RwLock;
pub(crate) type Net = (Linear<4, 6>, Tanh, Linear<6, 3>);
pub(crate) type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;

pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<Net, f64>();
    h::init(&mut model);
    let pi_iters = if h::steps() == 1 { 1 } else { 3 };
    train(&dev, &mut model, pi_iters, 0.5);
    h::done(&model);
}

#[sam_train(rho = 0.05)]
pub(crate) fn train(dev: &Cpu, m: &mut Built, pi_iters: usize, kl_target: f64) {
    let mut grads = m.alloc_grads();
    let mut opt: Sgd<Built, f64, Cpu> = Sgd::new(
        m,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let m = Rc::new(RwLock::new(m));
    for epoch_i in 1..=h::steps() {
        let mut total_epoch_loss = 0.0;
        let x: Tensor<Rank2<5, 4>, f64, _> = dev.sample_normal();
        let actions: Tensor<Rank1<5>, usize, _> = dev.tensor([0, 1, 2, 1, 0]);
        let advantages: Tensor<Rank1<5>, f64, _> = dev.tensor([1.0, -0.5, 0.3, 0.2, -0.1]);
        let old = m
            .read()
            .unwrap()
            .forward(x.clone())
            .log_softmax::<Axis<1>>()
            .select(actions.clone());
        for i in 0..pi_iters {
            let m = &mut m.write().unwrap();
            let (loss, kl) = compute_loss(
                grads,
                m,
                x.clone(),
                actions.clone(),
                advantages.clone(),
                old.clone(),
            );

            if kl.abs() > kl_target {
                println!("early stop at step {i} due to reaching max kl {:.5}", kl);
                grads = m.alloc_grads();
                break;
            }

            total_epoch_loss += loss.array();

            grads = loss.backward();
            opt.update(m, &grads).unwrap();
            m.zero_grads(&mut grads);
        }
        println!("Epoch {epoch_i}, loss {total_epoch_loss}");
        h::loss(total_epoch_loss);
    }
}

pub(crate) fn compute_loss(
    grads: Gradients<f64, Cpu>,
    m: &mut Built,
    x: Tensor<Rank2<5, 4>, f64, Cpu>,
    actions: Tensor<Rank1<5>, usize, Cpu>,
    advantages: Tensor<Rank1<5>, f64, Cpu>,
    old: Tensor<Rank1<5>, f64, Cpu>,
) -> (Tensor<(), f64, Cpu, OwnedTape<f64, Cpu>>, f64) {
    let logits = m.try_forward_mut(x.trace(grads)).unwrap();
    let logps = logits.log_softmax::<Axis<1>>().select(actions);
    let kl = (logps.with_empty_tape() - old.clone())
        .mean::<Rank0, _>()
        .array();
    let ratios = (logps - old).exp();
    let surr1 = ratios.with_empty_tape() * advantages.clone();
    let surr2 = ratios.clamp(0.8, 1.2) * advantages;
    (surr2.minimum(surr1).mean().negate(), kl)
}
