//! A run that is resumed from a state gives the same bits as one that was never stopped.

use dfdx::{
    optim::{AdamConfig, Momentum, Optimizer, RMSpropConfig, SgdConfig},
    prelude::*,
};

use super::{
    Built, Mlp, bits, copy,
    equality::{adam_configs, rmsprop_configs, sgd_configs},
    gradients,
};
use crate::optim::{
    Adam, AdamW, AdamWConfig, AnyOptimizer, BaseOptimizer, OptimizerConfig, RMSprop, Rule,
    SaveState, Sgd, State, no_decay,
};

/// Trains with `new()`'s optimizer; halfway, everything is made anew: a network with other ids and the
/// same numbers, and an optimizer that loads the state.
#[track_caller]
fn assert_resumes<E, M, O>(
    build: impl Fn() -> M,
    new: impl Fn(&M) -> O,
    through: impl Fn(State) -> State,
    what: &str,
) where
    E: Dtype,
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu>,
    O: Optimizer<M, Cpu, E> + SaveState,
{
    for stop in [0, 1, 9] {
        let mut straight = build();
        let mut opt = new(&straight);
        let mut resumed = build();
        let mut first = new(&resumed);
        for step in 0..20 {
            if step == stop {
                let state = through(first.state().unwrap());
                let mut again = build();
                copy(&mut again, &resumed);
                resumed = again;
                first = new(&resumed);
                first.load_state(&state).unwrap();
                assert_eq!(first.state().unwrap(), state, "{what}");
            }
            let given = gradients(&straight, step);
            opt.update(&mut straight, &given).unwrap();
            let given = gradients(&resumed, step);
            first.update(&mut resumed, &given).unwrap();
        }
        assert!(bits(&straight) == bits(&resumed), "{what}, {stop}");
        assert_eq!(first.state().unwrap(), opt.state().unwrap(), "{what}");
    }
}

fn f32s() -> Built<f32> {
    Cpu::default().build_module::<Mlp, f32>()
}

fn f64s() -> Built<f64> {
    Cpu::default().build_module::<Mlp, f64>()
}

#[test]
fn every_optimizer_resumes() {
    for cfg in sgd_configs() {
        let what = format!("{cfg:?}");
        assert_resumes(f32s, |m| Sgd::new(m, cfg), |s| s, &what);
        assert_resumes(f64s, |m| Sgd::new(m, cfg), |s| s, &what);
    }
    for cfg in adam_configs() {
        let what = format!("{cfg:?}");
        assert_resumes(f32s, |m| Adam::new(m, cfg), |s| s, &what);
        assert_resumes(f64s, |m| Adam::new(m, cfg), |s| s, &what);
    }
    for cfg in rmsprop_configs() {
        let what = format!("{cfg:?}");
        assert_resumes(f32s, |m| RMSprop::new(m, cfg), |s| s, &what);
        assert_resumes(f64s, |m| RMSprop::new(m, cfg), |s| s, &what);
    }
    let adamw = |m: &Built<f32>| {
        let mut opt = AdamW::new(m, AdamWConfig::default());
        opt.add_group(no_decay()).unwrap();
        opt
    };
    assert_resumes(f32s, adamw, |s| s, "AdamW");
}

#[test]
fn whichever_a_file_chooses_resumes() {
    for kind in ["sgd", "adam", "adamw", "rmsprop"] {
        let text = format!("kind = '{kind}'\nlr = 0.02\nno_decay = true\nweight_decay = 0.1");
        let config: OptimizerConfig = toml::from_str(&text).unwrap();
        let new = |m: &Built<f32>| AnyOptimizer::new(m, &config).unwrap();
        assert_resumes(f32s, new, |s| s, kind);
    }
}

/// The numbers survive JSON, where a checkpoint may keep them.
#[test]
fn numbers_survive_json() {
    let through = |state: State| {
        let text = serde_json::to_string(&state.numbers).unwrap();
        State {
            numbers: serde_json::from_str(&text).unwrap(),
            ..state
        }
    };
    let new = |m: &Built<f32>| Adam::new(m, AdamConfig::default());
    assert_resumes(f32s, new, through, "JSON");
}

/// Every bit pattern that a buffer may have comes back, signed zeros and subnormal numbers too.
#[test]
fn rare_numbers_survive() {
    let dev = Cpu::default();
    let rare = [
        0.0,
        -0.0,
        f32::MIN_POSITIVE / 8.0,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        -1e-45,
    ];
    let tensor: Tensor<Rank1<7>, f32, _> = dev.zeros();
    let mut opt = Sgd::new(
        &tensor,
        SgdConfig {
            momentum: Some(dfdx::optim::Momentum::Classic(0.5)),
            ..Default::default()
        },
    );
    let given = gradients(&tensor, 0);
    opt.update(&mut tensor.clone(), &given).unwrap();
    let mut state = opt.state().unwrap();
    let buffer = state.tensors.get_mut("momentum_buffer").unwrap();
    buffer.bytes = rare.iter().flat_map(|x| x.to_le_bytes()).collect();
    opt.load_state(&state).unwrap();
    assert_eq!(opt.state().unwrap(), state);
}

/// What is switched off for a while is kept.
#[test]
fn momentum_that_is_off_is_kept() {
    let cfg = RMSpropConfig {
        momentum: Some(0.9),
        ..Default::default()
    };
    let mut model = f32s();
    let mut opt = RMSprop::new(&model, cfg);
    let given = gradients(&model, 0);
    opt.update(&mut model, &given).unwrap();
    opt.cfg.momentum = None;
    let state = opt.state().unwrap();
    assert!(state.tensors.contains_key("momentum_buffer.0.weight"));
    assert!(!state.tensors.contains_key("grad_avg.0.weight"));
    let mut again = RMSprop::new(&model, RMSpropConfig::default());
    again.load_state(&state).unwrap();
    assert_eq!(again.state().unwrap(), state);
}

/// A configuration that changes halfway: in the process, and at a resume.
#[track_caller]
fn assert_switches<R: Rule>(before: R, after: R) {
    let mut straight = f32s();
    let mut resumed = f32s();
    copy(&mut resumed, &straight);
    let mut opt = BaseOptimizer::<R, _, f32, Cpu>::new(&straight, before);
    let mut first = BaseOptimizer::<R, _, f32, Cpu>::new(&resumed, before);
    for step in 0..20 {
        if step == 9 {
            let state = first.state().unwrap();
            opt.cfg = after;
            first = BaseOptimizer::new(&resumed, after);
            first.load_state(&state).unwrap();
        }
        let given = gradients(&straight, step);
        opt.update(&mut straight, &given).unwrap();
        let given = gradients(&resumed, step);
        first.update(&mut resumed, &given).unwrap();
    }
    assert!(bits(&straight) == bits(&resumed));
}

#[test]
fn momentum_and_centring_can_be_switched_on() {
    let sgd = SgdConfig {
        lr: 0.1,
        momentum: None,
        weight_decay: None,
    };
    for momentum in [Momentum::Classic(0.9), Momentum::Nesterov(0.9)] {
        let with = SgdConfig {
            momentum: Some(momentum),
            ..sgd
        };
        assert_switches(sgd, with);
    }
    let rmsprop = RMSpropConfig::default();
    for (momentum, centered) in [(Some(0.9), false), (None, true), (Some(0.9), true)] {
        let with = RMSpropConfig {
            momentum,
            centered,
            ..rmsprop
        };
        assert_switches(rmsprop, with);
    }
}
