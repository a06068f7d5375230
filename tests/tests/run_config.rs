//! A `RunConfig` made in Rust: it is what its file says, and is checked as a file is.

use rand::{Rng, SeedableRng, rngs::StdRng};
use sam_runtime::{
    optim::{AdamKeys, AdamWKeys, OptimizerConfig, RMSpropKeys, SgdKeys},
    run::{
        BestConfig, CheckpointConfig, ConfigError, Count, EmaBuffers, EmaConfig, LogConfig,
        RunConfig,
        checkpoint::Best,
        load, save,
        stop::{EarlyStopping, Plateau},
    },
    schedule::Schedule,
    step::{
        On, When,
        methods::{AnyMethod, Asam, Gsam, LookSam, LpSam, Vasso},
    },
};

fn least() -> RunConfig {
    RunConfig::new("runs/own", 30, SgdKeys::default())
}

#[test]
fn what_is_not_set_is_what_a_file_that_leaves_it_out_gives() {
    for (kind, optimizer) in [
        ("sgd", OptimizerConfig::from(SgdKeys::default())),
        ("adam", AdamKeys::default().into()),
        ("adamw", AdamWKeys::default().into()),
        ("rmsprop", RMSpropKeys::default().into()),
    ] {
        let file = format!("out = 'runs/own'\nepochs = 30\noptimizer.kind = '{kind}'");
        let read: RunConfig = toml::from_str(&file).unwrap();
        assert_eq!(RunConfig::new("runs/own", 30, optimizer), read);
    }
    let file = "decay = 0.5";
    assert_eq!(EmaConfig::new(0.5), toml::from_str(file).unwrap());
    let file = "on = 'loss'\ngoal = 'lowest'";
    let plateau = Plateau::new("loss", Best::Lowest);
    assert_eq!(plateau, toml::from_str(file).unwrap());
    let file = format!("{file}\npatience = 4");
    let stopping = EarlyStopping::new("loss", Best::Lowest, 4);
    assert_eq!(stopping, toml::from_str(&file).unwrap());
}

/// Any allowed configuration, each key set or left.
fn any(random: &mut StdRng) -> RunConfig {
    let mut config = least();
    let goal = |random: &mut StdRng| [Best::Highest, Best::Lowest][random.gen_range(0..2)];
    config.epochs = random.gen_range(1..1000);
    config.seed = random.gen_range(0..1 << 63);
    config.optimizer = match random.gen_range(0..4) {
        0 => SgdKeys {
            lr: random.r#gen(),
            momentum: random.r#gen(),
            ..SgdKeys::default()
        }
        .into(),
        1 => AdamKeys {
            betas: random.r#gen(),
            ..AdamKeys::default()
        }
        .into(),
        2 => AdamWKeys {
            weight_decay: random.r#gen(),
            no_decay: true,
            ..AdamWKeys::default()
        }
        .into(),
        _ => RMSpropKeys {
            centered: true,
            ..RMSpropKeys::default()
        }
        .into(),
    };
    let schedule = |random: &mut StdRng| match random.gen_range(0..3) {
        0 => Schedule::constant(random.r#gen()),
        1 => Schedule::cosine(random.r#gen(), 0.0, random.gen_range(1..1000)),
        _ => Schedule::cosine(random.r#gen(), 0.0, 10).with_warmup(random.gen_range(1..9)),
    };
    config.lr = random.r#gen::<bool>().then(|| schedule(random));
    config.rho = schedule(random);
    config.rho_min = random.r#gen::<bool>().then(|| random.r#gen());
    config.method = [
        AnyMethod::default(),
        AnyMethod::Sam(LpSam {
            steps: 2,
            second_order: false,
        }),
        AnyMethod::Asam(Asam {
            eta: random.r#gen(),
        }),
        AnyMethod::Gsam(Gsam {
            alpha: random.r#gen(),
        }),
        AnyMethod::LookSam(LookSam {
            k: random.gen_range(1..9),
            alpha: random.r#gen(),
        }),
        AnyMethod::Vasso(Vasso {
            theta: random.gen_range(0.01..1.0),
        }),
    ][random.gen_range(0..6)];
    config.on = [On::All, On::Norm, On::Weights][random.gen_range(0..3)];
    if random.r#gen() {
        config.when = When {
            start: random.gen_range(0..100),
            every: random.gen_range(1..9),
            probability: 1.0 - random.r#gen::<f64>(),
        };
    }
    config.ascent = 1.0 - random.r#gen::<f64>();
    config.schedules_count = [Count::Steps, Count::Epochs, Count::Permille][random.gen_range(0..3)];
    config.ema = random.r#gen::<bool>().then(|| EmaConfig {
        warmup: random.r#gen(),
        buffers: [EmaBuffers::Average, EmaBuffers::Copy][random.gen_range(0..2)],
        ..EmaConfig::new(random.r#gen())
    });
    config.checkpoints = CheckpointConfig {
        every: random.gen_range(0..100),
        keep: random.gen_range(1..9),
        best: random.r#gen::<bool>().then(|| BestConfig {
            on: "accuracy of \"all\"".to_owned(),
            goal: goal(random),
        }),
    };
    config.log = LogConfig {
        every: random.gen_range(1..100),
        progress: random.r#gen(),
        dashboard: false,
    };
    config.measure_every = random.gen_range(0..3);
    config.early_stopping = random
        .r#gen::<bool>()
        .then(|| EarlyStopping::new("loss", goal(random), random.gen_range(1..9)));
    config.plateau = random.r#gen::<bool>().then(|| Plateau {
        factor: random.gen_range(0.01..1.0),
        threshold: random.gen_range(0.0..0.1),
        ..Plateau::new("loss", goal(random))
    });
    config.minutes = random.r#gen::<bool>().then(|| random.gen_range(0.1..9.0));
    config.resume = random.r#gen();
    config.dry_run = random.r#gen();
    config
}

/// `load(save(c)) == c`, to the last bit of its numbers.
#[test]
fn what_is_saved_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.toml");
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..500 {
        let config = any(&mut random);
        config.validate().unwrap();
        save(&config, &path).unwrap();
        assert_eq!(load::<RunConfig>(&path).unwrap(), config);
    }
}

/// Each wrong value: the same reason as a file's, and the key.
#[test]
fn a_wrong_value_is_refused_as_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.toml");
    let sgd = |keys: SgdKeys| RunConfig {
        optimizer: keys.into(),
        ..least()
    };
    let wrong = [
        (
            "epochs",
            RunConfig {
                epochs: 0,
                ..least()
            },
        ),
        (
            "optimizer",
            sgd(SgdKeys {
                lr: f64::NAN,
                ..SgdKeys::default()
            }),
        ),
        (
            "optimizer",
            sgd(SgdKeys {
                nesterov: true,
                ..SgdKeys::default()
            }),
        ),
        (
            "rho",
            RunConfig {
                rho: Schedule::constant(-0.1),
                ..least()
            },
        ),
        (
            "lr",
            RunConfig {
                lr: Some(Schedule::cosine(0.1, 0.2, 10)),
                ..least()
            },
        ),
        (
            "rho_min",
            RunConfig {
                rho_min: Some(f64::INFINITY),
                ..least()
            },
        ),
        (
            "method",
            RunConfig {
                method: AnyMethod::Gsam(Gsam { alpha: -1.0 }),
                ..least()
            },
        ),
        (
            "when",
            RunConfig {
                when: When {
                    every: 0,
                    ..When::ALWAYS
                },
                ..least()
            },
        ),
        (
            "ascent",
            RunConfig {
                ascent: 1.5,
                ..least()
            },
        ),
        (
            "ascent",
            RunConfig {
                ascent: f64::NAN,
                ..least()
            },
        ),
        (
            "ema",
            RunConfig {
                ema: Some(EmaConfig::new(1.5)),
                ..least()
            },
        ),
        (
            "checkpoints",
            RunConfig {
                checkpoints: CheckpointConfig {
                    keep: 0,
                    ..CheckpointConfig::default()
                },
                ..least()
            },
        ),
        (
            "log",
            RunConfig {
                log: LogConfig {
                    every: 0,
                    progress: true,
                    dashboard: false,
                },
                ..least()
            },
        ),
        (
            "early_stopping",
            RunConfig {
                early_stopping: Some(EarlyStopping::new("loss", Best::Lowest, 0)),
                ..least()
            },
        ),
        (
            "plateau",
            RunConfig {
                plateau: Some(Plateau {
                    factor: 1.0,
                    ..Plateau::new("loss", Best::Lowest)
                }),
                ..least()
            },
        ),
        (
            "minutes",
            RunConfig {
                minutes: Some(0.0),
                ..least()
            },
        ),
    ];
    for (key, config) in wrong {
        let error = config.validate().unwrap_err();
        assert!(error.to_string().contains(key), "{key}: {error}");
        let ConfigError::Value { reason } = error else {
            panic!("{key}: {error}")
        };
        save(&config, &path).unwrap();
        let in_file = match load::<RunConfig>(&path) {
            Err(ConfigError::Content { reason, .. }) => reason,
            other => panic!("{key}: {other:?}"),
        };
        assert_eq!(reason.message(), in_file.message(), "{key}");
    }
}

#[test]
fn what_toml_cannot_hold_is_an_error() {
    let config = RunConfig {
        seed: u64::MAX,
        ..least()
    };
    assert!(matches!(config.validate(), Err(ConfigError::Form(_))));
}
