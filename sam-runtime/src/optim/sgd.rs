//! Stochastic gradient descent, with momentum and weight decay.

use std::any::TypeId;

use dfdx::{
    optim::{Momentum, SgdConfig, WeightDecay},
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{
    BaseOptimizer,
    rule::{Rule, decay_like},
};
use crate::{
    device::{
        each_part, vectorized,
        vectors::{Parts, vectors},
    },
    doors::{buffer::Buffer, host_memory::slice_mut},
};

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

    fn stateless(&self) -> Option<SgdConfig> {
        self.momentum.is_none().then_some(*self)
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
        match in_place(self, parameter, velocity, gradient) {
            true => Ok(()),
            false => self.try_update(parameter, velocity, gradient),
        }
    }
}

/// Elements of a block; several threads update several.
const BLOCK: usize = 1 << 14;

/// dfdx's update of what lies in order on the host, block by block; `false` where it lies otherwise, or elsewhere.
fn in_place<S: Shape, E: Dtype, D: Device<E>>(
    cfg: &SgdConfig,
    parameter: &mut Tensor<S, E, D>,
    velocity: &mut Buffer<E, D>,
    gradient: &Buffer<E, D>,
) -> bool {
    // In mixed precision, dfdx computes otherwise.
    if ![TypeId::of::<f32>(), TypeId::of::<f64>()].contains(&TypeId::of::<E>()) {
        return false;
    }
    let Some(vectors) = vectors::<E, D>() else {
        return false;
    };
    let Parts::Host { x: v, y: g, .. } = vectors.parts(velocity, Some(gradient)) else {
        return false;
    };
    match slice_mut(parameter) {
        Some(p) if p.len() == g.len() => decayed(cfg, p, v, g),
        _ => return false,
    }
    true
}

fn number<E: Dtype>(x: f64) -> E {
    E::from_f64(x).unwrap_or_default()
}

fn decayed<E: Dtype>(cfg: &SgdConfig, p: &mut [E], v: &mut [E], g: &[E]) {
    match cfg.weight_decay {
        None => moved(cfg, p, v, g, |g, _| g, |g, _| g),
        Some(WeightDecay::L2(wd)) => {
            let wd: E = number(wd);
            moved(cfg, p, v, g, |g, p| g + wd * p, |g, _| g);
        }
        Some(WeightDecay::Decoupled(wd)) => {
            let wd: E = number(wd * cfg.lr);
            moved(cfg, p, v, g, |g, _| g, |g, p| g + wd * p);
        }
    }
}

/// `before` and `after` make of a gradient, before and after momentum, what weight decay makes of it.
fn moved<E: Dtype>(
    cfg: &SgdConfig,
    p: &mut [E],
    v: &mut [E],
    g: &[E],
    before: impl Fn(E, E) -> E + Sync,
    after: impl Fn(E, E) -> E + Sync,
) {
    let lr: E = number(cfg.lr);
    match cfg.momentum {
        None => each(p, v, g, |p, _, g| {
            let g = before(g, *p) * lr;
            *p -= after(g, *p);
        }),
        Some(Momentum::Classic(u)) => {
            let u: E = number(u);
            each(p, v, g, |p, v, g| {
                *v = before(g, *p) + u * *v;
                *p -= after(*v * lr, *p);
            });
        }
        Some(Momentum::Nesterov(u)) => {
            let u: E = number(u);
            each(p, v, g, |p, v, g| {
                let g = before(g, *p);
                *v = g + u * *v;
                *p -= after((g + u * *v) * lr, *p);
            });
        }
    }
}

fn each<E: Dtype>(p: &mut [E], v: &mut [E], g: &[E], f: impl Fn(&mut E, &mut E, E) + Sync) {
    let parts = p.chunks_mut(BLOCK).zip(v.chunks_mut(BLOCK));
    let mut parts: Vec<_> = parts.zip(g.chunks(BLOCK)).collect();
    each_part(&mut parts, 1, |_, parts| {
        for ((p, v), g) in parts {
            vectorized(
                #[inline(always)]
                || {
                    for ((p, v), g) in p.iter_mut().zip(v.iter_mut()).zip(g.iter()) {
                        f(p, v, *g);
                    }
                },
            );
        }
    });
}
