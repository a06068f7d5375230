//! Adam, and AdamW, which is Adam with decoupled weight decay.

use dfdx::{
    optim::{AdamConfig, WeightDecay},
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{
    BaseOptimizer,
    rule::{Rule, decay_like, kernel_step},
};
use crate::doors::buffer::Buffer;

/// Adam (Kingma & Ba, [2015](https://arxiv.org/abs/1412.6980)); dfdx's [`Adam`](dfdx::optim::Adam), bit by
/// bit. With gradient `g` (plus `wd · p` with L2 decay), at the `t`-th update:
///
/// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g²`,
/// `p -= lr m / (1 - b1^t) / (√(v / (1 - b2^t)) + eps)`, and `p -= lr wd p` more with decoupled decay.
///
/// Its state is `exp_avg.*` (`m`), `exp_avg_sq.*` (`v`), and the number of updates.
pub type Adam<M, E, D> = BaseOptimizer<AdamConfig, M, E, D>;

/// Adam with decoupled weight decay (Loshchilov & Hutter, [2019](https://arxiv.org/abs/1711.05101)), with
/// PyTorch's defaults. See [`Adam`].
pub type AdamW<M, E, D> = BaseOptimizer<AdamWConfig, M, E, D>;

/// Configuration of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Learning rate; 1e-3 by default.
    pub lr: f64,
    /// Decay of the two moments; `[0.9, 0.999]` by default.
    pub betas: [f64; 2],
    /// For numerical stability; 1e-8 by default.
    pub eps: f64,
    /// Decoupled weight decay, times `lr`; 1e-2 by default.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 1e-2,
        }
    }
}

impl AdamWConfig {
    /// The same in dfdx's terms.
    pub fn adam(&self) -> AdamConfig {
        AdamConfig {
            lr: self.lr,
            betas: self.betas,
            eps: self.eps,
            weight_decay: (self.weight_decay != 0.0)
                .then_some(WeightDecay::Decoupled(self.weight_decay)),
        }
    }
}

const MOMENTS: &[&str] = &["exp_avg", "exp_avg_sq"];

impl Rule for AdamConfig {
    const KIND: &'static str = "adam";
    const BUFFERS: &'static [&'static str] = MOMENTS;

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
        step: u64,
        parameter: &mut Tensor<S, E, D>,
        buffers: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [m, v] = buffers else {
            unreachable!("as many buffers as have names")
        };
        self.try_update(kernel_step(step), parameter, m, v, gradient)
    }
}

impl Rule for AdamWConfig {
    const KIND: &'static str = "adamw";
    const BUFFERS: &'static [&'static str] = MOMENTS;

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn set_weight_decay(&mut self, weight_decay: f64) {
        self.weight_decay = weight_decay;
    }

    fn update<S: Shape, E: Dtype, D: Device<E>>(
        &self,
        step: u64,
        parameter: &mut Tensor<S, E, D>,
        buffers: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        self.adam().update(step, parameter, buffers, gradient)
    }
}
