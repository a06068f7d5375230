//! Parameter groups, against the formulas with each parameter's own numbers.

use dfdx::{
    optim::{Momentum, Optimizer, SgdConfig, WeightDecay},
    prelude::*,
};

use super::{
    Built, Mlp, NAMES, bits,
    formulas::{lists, parameters},
    gradients,
    reference::{Formula, Reference, assert_close},
};
use crate::optim::{AdamW, AdamWConfig, Group, GroupError, Sgd, no_decay};

const SGD: SgdConfig = SgdConfig {
    lr: 0.05,
    momentum: Some(Momentum::Classic(0.9)),
    weight_decay: Some(WeightDecay::L2(0.1)),
};

fn built() -> Built<f64> {
    Cpu::default().build_module::<Mlp, f64>()
}

/// Trains with a learning rate that changes at every step, and compares with the formula, for which
/// `own` gives (factor, weight decay) of the parameter at this position.
#[track_caller]
fn assert_follows<O: Optimizer<Built<f64>, Cpu, f64>>(
    mut opt: O,
    set_lr: impl Fn(&mut O, f64),
    formula: Formula,
    decoupled: bool,
    own: [(f64, f64); 6],
) {
    let mut model = built();
    let mut references: Vec<_> = parameters(&model)
        .into_iter()
        .map(|p| Reference::new(formula, p))
        .collect();
    for step in 0..30 {
        let lr = 0.05 / (1.0 + step as f64);
        let gradients = gradients(&model, step);
        let all = references.iter_mut().zip(lists(&model, &gradients));
        for ((reference, g), (factor, weight_decay)) in all.zip(own) {
            reference.update(&g, lr * factor, weight_decay, decoupled);
        }
        set_lr(&mut opt, lr);
        opt.update(&mut model, &gradients).unwrap();
    }
    for ((found, reference), name) in parameters(&model).iter().zip(&references).zip(NAMES) {
        assert_close(found, &reference.p, name);
    }
}

const MOMENTUM: Formula = Formula::Sgd {
    momentum: 0.9,
    nesterov: false,
};

#[test]
fn no_decay_spares_vectors() {
    let mut opt = Sgd::new(&built(), SGD);
    opt.add_group(no_decay()).unwrap();
    let (matrix, vector) = ((1.0, 0.1), (1.0, 0.0));
    let own = [matrix, vector, vector, vector, matrix, vector];
    assert_follows(opt, |opt, lr| opt.cfg.lr = lr, MOMENTUM, false, own);
}

#[test]
fn groups_compose() {
    let mut opt = Sgd::new(&built(), SGD);
    opt.add_group(Group::new(|name, _| name.starts_with("3.")).lr_factor(10.0))
        .unwrap();
    opt.add_group(
        Group::new(|name, shape| name.ends_with(".weight") && shape.len() == 2)
            .lr_factor(0.5)
            .weight_decay(0.3),
    )
    .unwrap();
    opt.add_group(Group::new(|_, shape| shape == [3, 8]).weight_decay(0.2))
        .unwrap();
    let own = [
        (0.5, 0.3),
        (1.0, 0.1),
        (1.0, 0.1),
        (1.0, 0.1),
        (5.0, 0.2),
        (10.0, 0.1),
    ];
    assert_follows(opt, |opt, lr| opt.cfg.lr = lr, MOMENTUM, false, own);
}

#[test]
fn the_decay_of_adamw_stays_decoupled() {
    let cfg = AdamWConfig {
        weight_decay: 0.4,
        ..Default::default()
    };
    let mut opt = AdamW::new(&built(), cfg);
    opt.add_group(no_decay()).unwrap();
    opt.add_group(Group::new(|name, _| name == "1.bias").weight_decay(0.2))
        .unwrap();
    let (matrix, vector) = ((1.0, 0.4), (1.0, 0.0));
    let own = [matrix, vector, vector, (1.0, 0.2), matrix, vector];
    let formula = Formula::Adam {
        betas: [0.9, 0.999],
        eps: 1e-8,
    };
    assert_follows(opt, |opt, lr| opt.cfg.lr = lr, formula, true, own);
}

/// Whatever its gradient is.
#[test]
fn a_frozen_group_stays_to_the_last_bit() {
    let mut model = built();
    let before = bits(&model.0);
    let mut opt = Sgd::new(&model, SGD);
    opt.add_group(Group::frozen(|name| name.starts_with("0.")))
        .unwrap();
    let rest = bits(&model.3);
    let mut given = gradients(&model, 0);
    given.get_or_alloc_mut(&model.0.weight).unwrap()[0] = f64::NAN;
    opt.update(&mut model, &given).unwrap();
    assert_eq!(bits(&model.0), before);
    assert_ne!(bits(&model.3), rest);
    let mut resumed = Sgd::new(&model, SGD);
    let state = crate::optim::SaveState::state(&opt).unwrap();
    crate::optim::SaveState::load_state(&mut resumed, &state).unwrap();
}

/// Its function has the names that the key `frozen` has: dfdx's.
#[test]
fn a_frozen_group_has_the_names_of_the_key() {
    let mut model = built();
    let mut opt = Sgd::new(&model, SGD);
    opt.add_group(Group::frozen(|name| name == "1.scale"))
        .unwrap();
    let before = model.clone();
    let given = gradients(&model, 0);
    opt.update(&mut model, &given).unwrap();
    assert_eq!(model.1.scale.as_vec(), before.1.scale.as_vec());
    assert_ne!(model.1.bias.as_vec(), before.1.bias.as_vec());
    let lrs: Vec<_> = opt.parameters().map(|(_, _, cfg)| cfg.lr).collect();
    assert_eq!(lrs, [SGD.lr, SGD.lr, 0.0, SGD.lr, SGD.lr, SGD.lr]);
}

#[test]
fn the_parameters_are_told() {
    let mut opt = Sgd::new(&built(), SGD);
    opt.add_group(no_decay().lr_factor(2.0)).unwrap();
    opt.cfg.lr = 0.2;
    let all: Vec<_> = opt.parameters().collect();
    assert_eq!(all.iter().map(|p| p.0).collect::<Vec<_>>(), NAMES);
    assert_eq!(all[0].1, [8, 6]);
    assert_eq!(all[0].2.lr, 0.2);
    assert!(matches!(all[0].2.weight_decay, Some(WeightDecay::L2(0.1))));
    assert_eq!(all[3].1, [8]);
    assert_eq!(all[3].2.lr, 0.4);
    assert!(all[3].2.weight_decay.is_none());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut opt = Sgd::new(&built(), SGD);
    let error = opt
        .add_group(Group::new(|name, _| name == "0.wieght"))
        .unwrap_err();
    assert_eq!(
        error,
        GroupError::Empty {
            names: NAMES.map(str::to_owned).into()
        }
    );
    assert!(error.to_string().contains("0.weight, 0.bias"), "{error}");
    for (group, field, value) in [
        (no_decay().lr_factor(-1.0), "lr_factor", "-1"),
        (no_decay().lr_factor(f64::NAN), "lr_factor", "NaN"),
        (
            no_decay().weight_decay(f64::INFINITY),
            "weight_decay",
            "inf",
        ),
    ] {
        let error = opt.add_group(group).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains(value), "{error}");
    }
    // SAM's step would go on with them.
    let error = opt.add_group(no_decay().lr_factor(0.0)).unwrap_err();
    assert_eq!(error, GroupError::Frozen);
    let text = error.to_string();
    assert!(
        text.contains("nn::Frozen") && text.contains("key `frozen`"),
        "{text}"
    );
    assert!(opt.parameters().all(|(_, _, cfg)| cfg.lr == SGD.lr));
}
