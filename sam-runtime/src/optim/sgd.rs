//! Stochastic gradient descent, with momentum and weight decay.

use dfdx::{
    optim::SgdConfig,
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{
    BaseOptimizer,
    rule::{Rule, decay_like},
};
use crate::doors::buffer::Buffer;

/// Stochastic gradient descent; dfdx's [`Sgd`](dfdx::optim::Sgd), bit by bit. With momentum `u`, gradient
/// `g` (plus `wd · p` with L2 decay) and velocity `v`:
///
/// `v = g + u v`, then `p -= lr v` (classic) or `p -= lr (g + u v)` (Nesterov), and `p -= lr wd p` more with
/// decoupled decay.
///
/// Its state is `momentum_buffer.*`, if it has momentum.
pub type Sgd<M, E, D> = BaseOptimizer<SgdConfig, M, E, D>;

impl Rule for SgdConfig {
    const KIND: &'static str = "sgd";
    const BUFFERS: &'static [&'static str] = &["momentum_buffer"];

    fn uses(&self, _: usize) -> bool {
        self.momentum.is_some()
    }

    fn is_optional(_: usize) -> bool {
        true
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn set_weight_decay(&mut self, weight_decay: f64) {
        self.weight_decay = decay_like(self.weight_decay, weight_decay);
    }

    fn update<S: Shape, E: Dtype, D: Device<E>>(
        &self,
        _: u64,
        parameter: &mut Tensor<S, E, D>,
        buffers: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [velocity] = buffers else {
            unreachable!("as many buffers as have names")
        };
        self.try_update(parameter, velocity, gradient)
    }
}
