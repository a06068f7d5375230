//! Every configuration against dfdx's own optimizers, bit by bit.

use dfdx::{
    optim::{AdamConfig, Momentum, Optimizer, RMSpropConfig, SgdConfig, WeightDecay},
    prelude::*,
};

use super::{bits, gradients, of_both_types};
use crate::optim::{Adam, AdamW, AdamWConfig, RMSprop, Sgd};

const STEPS: u64 = 60;

pub(super) const DECAYS: [Option<WeightDecay>; 3] = [
    None,
    Some(WeightDecay::L2(1e-2)),
    Some(WeightDecay::Decoupled(3e-2)),
];

/// Every combination of what an `SgdConfig` can be.
pub(super) fn sgd_configs() -> Vec<SgdConfig> {
    let momenta = [
        None,
        Some(Momentum::Classic(0.9)),
        Some(Momentum::Nesterov(0.7)),
    ];
    let all = momenta.map(|momentum| {
        DECAYS.map(|weight_decay| SgdConfig {
            lr: 0.03,
            momentum,
            weight_decay,
        })
    });
    all.concat()
}

pub(super) fn adam_configs() -> Vec<AdamConfig> {
    let betas = [([0.9, 0.999], 1e-8), ([0.5, 0.25], 1e-3)];
    let all = betas.map(|(betas, eps)| {
        DECAYS.map(|weight_decay| AdamConfig {
            lr: 0.01,
            betas,
            eps,
            weight_decay,
        })
    });
    all.concat()
}

pub(super) fn rmsprop_configs() -> Vec<RMSpropConfig> {
    let kinds = [
        (None, false),
        (None, true),
        (Some(0.9), false),
        (Some(0.6), true),
    ];
    let all = kinds.map(|(momentum, centered)| {
        DECAYS.map(|weight_decay| RMSpropConfig {
            lr: 0.01,
            alpha: 0.9,
            eps: 1e-6,
            momentum,
            centered,
            weight_decay,
        })
    });
    all.concat()
}

/// Trains two copies of `start` side by side; after every update they must have the same bits. The
/// learning rate changes from step to step.
#[track_caller]
fn assert_same<E, M, A, B>(
    start: &M,
    mut theirs: A,
    mut ours: B,
    set_lr: impl Fn(&mut A, &mut B, f64),
    what: &str,
) where
    E: Dtype,
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu> + Clone,
    A: Optimizer<M, Cpu, E>,
    B: Optimizer<M, Cpu, E>,
{
    let (mut a, mut b) = (start.clone(), start.clone());
    for step in 0..STEPS {
        let gradients = gradients(start, step);
        set_lr(&mut theirs, &mut ours, 0.03 / (1.0 + step as f64));
        theirs.update(&mut a, &gradients).unwrap();
        ours.update(&mut b, &gradients).unwrap();
        assert!(
            bits(&a) == bits(&b),
            "{what}: differs after {} updates",
            step + 1
        );
    }
    assert_ne!(bits(&a), bits(start));
}

of_both_types!(sgd adam adamw rmsprop);

fn sgd<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    for cfg in sgd_configs() {
        let theirs = dfdx::optim::Sgd::new(model, cfg);
        let ours = Sgd::new(model, cfg);
        let set = |a: &mut dfdx::optim::Sgd<_, E, _>, b: &mut Sgd<_, E, _>, lr| {
            (a.cfg.lr, b.cfg.lr) = (lr, lr)
        };
        assert_same(model, theirs, ours, set, &format!("{cfg:?}"));
    }
}

fn adam<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    for cfg in adam_configs() {
        let theirs = dfdx::optim::Adam::new(model, cfg);
        let ours = Adam::new(model, cfg);
        let set = |a: &mut dfdx::optim::Adam<_, E, _>, b: &mut Adam<_, E, _>, lr| {
            (a.cfg.lr, b.cfg.lr) = (lr, lr)
        };
        assert_same(model, theirs, ours, set, &format!("{cfg:?}"));
    }
}

fn adamw<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    let theirs = AdamConfig {
        lr: 1e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: Some(WeightDecay::Decoupled(1e-2)),
    };
    let theirs = dfdx::optim::Adam::new(model, theirs);
    let ours = AdamW::new(model, AdamWConfig::default());
    let set = |a: &mut dfdx::optim::Adam<_, E, _>, b: &mut AdamW<_, E, _>, lr| {
        (a.cfg.lr, b.cfg.lr) = (lr, lr)
    };
    assert_same(model, theirs, ours, set, "AdamW");
}

fn rmsprop<E: Dtype, M: TensorCollection<E, Cpu> + Clone>(model: &M)
where
    Cpu: Device<E>,
{
    for cfg in rmsprop_configs() {
        let theirs = dfdx::optim::RMSprop::new(model, cfg);
        let ours = RMSprop::new(model, cfg);
        let set = |a: &mut dfdx::optim::RMSprop<_, E, _>, b: &mut RMSprop<_, E, _>, lr| {
            (a.cfg.lr, b.cfg.lr) = (lr, lr)
        };
        assert_same(model, theirs, ours, set, &format!("{cfg:?}"));
    }
}

/// A model that is one tensor, and one that has no parameter.
#[test]
fn the_smallest_models() {
    let dev = Cpu::default();
    let mut tensor: Tensor<Rank1<5>, f32, _> = dev.ones();
    let gradients = (tensor.leaky_trace() * 2.0).sum().backward();
    let mut opt = Sgd::new(
        &tensor,
        SgdConfig {
            lr: 0.25,
            ..Default::default()
        },
    );
    opt.update(&mut tensor, &gradients).unwrap();
    assert_eq!(tensor.array(), [0.5; 5]);

    let mut opt = Adam::<ReLU, f32, Cpu>::new(&ReLU, AdamConfig::default());
    opt.update(&mut ReLU, &Gradients::leaky()).unwrap();
    assert_eq!(opt.step(), 1);
}
