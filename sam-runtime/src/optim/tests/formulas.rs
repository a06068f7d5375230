//! Every configuration against the formulas of the papers and of PyTorch, computed here in f64.

use dfdx::{
    optim::{AdamConfig, Momentum, Optimizer, RMSpropConfig, SgdConfig, WeightDecay},
    prelude::*,
    tensor::Gradients,
};

use super::{
    Built, Mlp,
    equality::{adam_configs, rmsprop_configs, sgd_configs},
    gradients,
    reference::{Formula, Reference, assert_close},
    values,
};
use crate::optim::{Adam, AdamW, AdamWConfig, RMSprop, Sgd};

/// The parameters, without the running statistics.
pub(super) fn parameters(model: &Built<f64>) -> Vec<Vec<f64>> {
    let (first, norm, _, last) = model;
    vec![
        first.weight.as_vec(),
        first.bias.as_vec(),
        norm.scale.as_vec(),
        norm.bias.as_vec(),
        last.weight.as_vec(),
        last.bias.as_vec(),
    ]
}

/// Their gradients.
pub(super) fn lists(model: &Built<f64>, gradients: &Gradients<f64, Cpu>) -> Vec<Vec<f64>> {
    let (first, norm, _, last) = model;
    vec![
        gradients.get(&first.weight).as_vec(),
        gradients.get(&first.bias).as_vec(),
        gradients.get(&norm.scale).as_vec(),
        gradients.get(&norm.bias).as_vec(),
        gradients.get(&last.weight).as_vec(),
        gradients.get(&last.bias).as_vec(),
    ]
}

#[track_caller]
fn assert_follows(
    new: impl Fn(&Built<f64>) -> Box<dyn Optimizer<Built<f64>, Cpu, f64>>,
    formula: Formula,
    lr: f64,
    (weight_decay, decoupled): (f64, bool),
    what: &str,
) {
    let mut model = Cpu::default().build_module::<Mlp, f64>();
    let statistics = values(&(model.1.running_mean.clone(), model.1.running_var.clone()));
    let mut opt = new(&model);
    let parameters_before = parameters(&model);
    let mut references: Vec<_> = parameters_before
        .into_iter()
        .map(|p| Reference::new(formula, p))
        .collect();
    for step in 0..40 {
        let gradients = gradients(&model, step);
        for (reference, g) in references.iter_mut().zip(lists(&model, &gradients)) {
            reference.update(&g, lr, weight_decay, decoupled);
        }
        opt.update(&mut model, &gradients).unwrap();
    }
    for (found, reference) in parameters(&model).iter().zip(&references) {
        assert_close(found, &reference.p, what);
    }
    let after = values(&(model.1.running_mean.clone(), model.1.running_var.clone()));
    assert_eq!(after, statistics, "{what}");
}

fn amount(weight_decay: Option<WeightDecay>) -> (f64, bool) {
    match weight_decay {
        None => (0.0, false),
        Some(WeightDecay::L2(amount)) => (amount, false),
        Some(WeightDecay::Decoupled(amount)) => (amount, true),
    }
}

#[test]
fn sgd() {
    for cfg in sgd_configs() {
        let (momentum, nesterov) = match cfg.momentum {
            None => (0.0, false),
            Some(Momentum::Classic(momentum)) => (momentum, false),
            Some(Momentum::Nesterov(momentum)) => (momentum, true),
        };
        assert_follows(
            |model| Box::new(Sgd::new(model, cfg)),
            Formula::Sgd { momentum, nesterov },
            cfg.lr,
            amount(cfg.weight_decay),
            &format!("{cfg:?}"),
        );
    }
}

#[test]
fn adam() {
    for cfg in adam_configs() {
        let AdamConfig { betas, eps, .. } = cfg;
        assert_follows(
            |model| Box::new(Adam::new(model, cfg)),
            Formula::Adam { betas, eps },
            cfg.lr,
            amount(cfg.weight_decay),
            &format!("{cfg:?}"),
        );
    }
}

/// With the numbers that PyTorch's `AdamW` has by default.
#[test]
fn adamw() {
    assert_follows(
        |model| Box::new(AdamW::new(model, AdamWConfig::default())),
        Formula::Adam {
            betas: [0.9, 0.999],
            eps: 1e-8,
        },
        1e-3,
        (1e-2, true),
        "AdamW",
    );
}

#[test]
fn rmsprop() {
    for cfg in rmsprop_configs() {
        let RMSpropConfig {
            alpha,
            eps,
            centered,
            ..
        } = cfg;
        assert_follows(
            |model| Box::new(RMSprop::new(model, cfg)),
            Formula::RMSprop {
                alpha,
                eps,
                momentum: cfg.momentum.unwrap_or(0.0),
                centered,
            },
            cfg.lr,
            amount(cfg.weight_decay),
            &format!("{cfg:?}"),
        );
    }
}

/// A step so late that Adam's kernels can't count it does not panic.
#[test]
fn steps_beyond_i32() {
    use crate::optim::SaveState;
    let mut model = Cpu::default().build_module::<Mlp, f64>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let given = gradients(&model, 0);
    opt.update(&mut model, &given).unwrap();
    let mut state = opt.state().unwrap();
    let late = 1_u64 << 40;
    state.numbers.insert("step".into(), late.into());
    opt.load_state(&state).unwrap();
    let given = gradients(&model, 1);
    opt.update(&mut model, &given).unwrap();
    assert_eq!(opt.step(), late + 1);
    assert!(values(&model).concat().iter().all(|x: &f64| x.is_finite()));
}

/// What dfdx's defaults are, and what a plain `SgdConfig` is.
#[test]
fn defaults() {
    let AdamWConfig {
        lr,
        betas,
        eps,
        weight_decay,
    } = AdamWConfig::default();
    assert_eq!(
        (lr, betas, eps, weight_decay),
        (1e-3, [0.9, 0.999], 1e-8, 1e-2)
    );
    assert!(SgdConfig::default().momentum.is_none());
}
