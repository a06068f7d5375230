//! Optimizers in configuration files.

use dfdx::{
    optim::{Momentum, Optimizer, WeightDecay},
    prelude::*,
};

use super::{Built, Mlp, bits, gradients};
use crate::optim::{
    AdamKeys, AdamWKeys, AnyOptimizer, OptimizerConfig, RMSpropKeys, Sgd, SgdKeys, no_decay,
};

fn read(toml: &str) -> OptimizerConfig {
    toml::from_str(toml).unwrap()
}

#[track_caller]
fn assert_refuses(toml: &str, parts: &[&str]) {
    let json = serde_json::to_string(&toml.parse::<toml::Table>().unwrap()).unwrap();
    for message in [
        toml::from_str::<OptimizerConfig>(toml)
            .unwrap_err()
            .to_string(),
        serde_json::from_str::<OptimizerConfig>(&json)
            .unwrap_err()
            .to_string(),
    ] {
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    }
}

#[test]
fn every_kind_has_its_name_and_defaults() {
    assert_eq!(
        read("kind = 'sgd'"),
        OptimizerConfig::Sgd(SgdKeys::default())
    );
    assert_eq!(
        read("kind = 'adam'"),
        OptimizerConfig::Adam(AdamKeys::default())
    );
    assert_eq!(
        read("kind = 'adamw'"),
        OptimizerConfig::AdamW(AdamWKeys::default())
    );
    assert_eq!(
        read("kind = 'rmsprop'"),
        OptimizerConfig::RMSprop(RMSpropKeys::default())
    );
    assert_eq!(read("kind = 'sgd'").lr(), 1e-2);
    assert_eq!(read("kind = 'adam'").lr(), 1e-3);
    assert_eq!(read("kind = 'adamw'").lr(), 1e-3);
    assert_eq!(read("kind = 'rmsprop'").lr(), 1e-2);
    assert_eq!(AdamWKeys::default().weight_decay, 1e-2);
}

#[test]
fn every_key_is_read() {
    let config = read(
        "kind = 'rmsprop'\nlr = 0.3\nalpha = 0.5\neps = 1e-4\nmomentum = 0.25\ncentered = true
         weight_decay = 0.125\ndecoupled = true\nno_decay = true",
    );
    let expected = RMSpropKeys {
        lr: 0.3,
        alpha: 0.5,
        eps: 1e-4,
        momentum: 0.25,
        centered: true,
        weight_decay: 0.125,
        decoupled: true,
        no_decay: true,
    };
    assert_eq!(config, OptimizerConfig::RMSprop(expected));
    let config =
        read("kind = 'adam'\nlr = 0.3\nbetas = [0.5, 0.25]\neps = 1e-4\nweight_decay = 0.1");
    let expected = AdamKeys {
        lr: 0.3,
        betas: [0.5, 0.25],
        eps: 1e-4,
        weight_decay: 0.1,
        no_decay: false,
    };
    assert_eq!(config, OptimizerConfig::Adam(expected));
    let text = toml::to_string(&config).unwrap();
    assert!(text.contains("kind = \"adam\""), "{text}");
    assert_eq!(read(&text), config);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    assert_refuses("lr = 0.1", &["kind"]);
    assert_refuses("kind = 'lion'", &["lion", "sgd", "adamw"]);
    assert_refuses("kind = 'sgd'\nbetas = [0.9, 0.9]", &["`betas`"]);
    assert_refuses("kind = 'adam'\nmomentum = 0.9", &["`momentum`"]);
    assert_refuses("kind = 'adamw'\ndecoupled = true", &["`decoupled`"]);
    assert_refuses("kind = 'sgd'\nlr = 'high'", &["high"]);
    assert_refuses("kind = 'sgd'\nlr = -0.5", &["`lr` is -0.5", "at least 0"]);
    assert_refuses(
        "kind = 'sgd'\nmomentum = 1",
        &["`momentum` is 1", "below 1"],
    );
    assert_refuses(
        "kind = 'sgd'\nnesterov = true",
        &["`nesterov` is true", "`momentum`"],
    );
    assert_refuses("kind = 'adam'\nbetas = [0.9, 1.5]", &["`betas[1]` is 1.5"]);
    assert_refuses("kind = 'adamw'\nbetas = [-1, 0.9]", &["`betas[0]` is -1"]);
    assert_refuses("kind = 'adamw'\neps = 0", &["`eps` is 0", "above 0"]);
    assert_refuses(
        "kind = 'adamw'\nweight_decay = -1",
        &["`weight_decay` is -1"],
    );
    assert_refuses("kind = 'rmsprop'\nalpha = 2", &["`alpha` is 2"]);
    let error = toml::from_str::<OptimizerConfig>("kind = 'rmsprop'\nlr = nan").unwrap_err();
    assert!(error.to_string().contains("`lr` is NaN"), "{error}");
}

/// What a file chooses trains as what is written out in code, bit by bit.
#[test]
fn a_file_and_code_train_alike() {
    let config = read(
        "kind = 'sgd'\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.1\ndecoupled = true
         no_decay = true",
    );
    let mut a: Built<f32> = Cpu::default().build_module::<Mlp, f32>();
    let mut b = a.clone();
    let mut any = AnyOptimizer::new(&a, &config).unwrap();
    let cfg = dfdx::optim::SgdConfig {
        lr: 1e-2,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::Decoupled(0.1)),
    };
    let mut sgd = Sgd::new(&b, cfg);
    sgd.add_group(no_decay()).unwrap();
    for step in 0..10 {
        if step > 4 {
            any.set_lr(0.5 / step as f64);
            sgd.cfg.lr = any.lr();
        }
        let given = gradients(&a, step);
        any.update(&mut a, &given).unwrap();
        sgd.update(&mut b, &given).unwrap();
        assert_eq!(bits(&a), bits(&b));
    }
    assert_eq!(any.step(), 10);
}

#[test]
fn a_config_made_in_code_is_checked_too() {
    let model = Cpu::default().build_module::<Mlp, f32>();
    let config = OptimizerConfig::Adam(AdamKeys {
        eps: f64::NAN,
        ..Default::default()
    });
    let error = AnyOptimizer::new(&model, &config).unwrap_err();
    assert_eq!(error.key, "eps");
    // No vectors: nothing to spare, and no error.
    let tensor: Tensor<Rank2<2, 2>, f32, _> = Cpu::default().zeros();
    let config = read("kind = 'sgd'\nno_decay = true");
    assert!(AnyOptimizer::new(&tensor, &config).is_ok());
}
