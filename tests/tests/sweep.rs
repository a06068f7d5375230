//! Sweeps: what is tried, in which order; cut off at any point, they end with the same table.

use std::{cell::Cell, error::Error, fs, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::{AdamKeys, AnyOptimizer, OptimizerConfig, SgdKeys},
    prelude::*,
    run::{
        LogConfig, Run, RunConfig,
        checkpoint::Best,
        stop::Stop,
        sweep::{Draw, End, Outcome, Sweep, SweepError, Trial},
    },
    schedule::Schedule,
};

type Failure = Box<dyn Error>;

fn base() -> RunConfig {
    RunConfig {
        log: LogConfig {
            every: 1,
            progress: false,
            dashboard: false,
        },
        ..RunConfig::new("", 2, SgdKeys::default())
    }
}

fn grid(out: &Path) -> Sweep<RunConfig> {
    Sweep::new(out, &base())
        .values("rho", [0.0, 0.05, 0.1])
        .values("optimizer.lr", [0.1, 0.2])
        .seeds(0..3)
        .goal("accuracy", Best::Highest)
        .progress(false)
}

/// A number that a trial's configuration alone decides.
fn outcome(trial: &Trial<RunConfig>) -> Outcome {
    let config = &trial.config;
    let value = 0.9 - (config.rho(0, 1) - 0.05).abs() - 0.3 * (config.optimizer.lr() - 0.1);
    Outcome::new()
        .with("loss", 1.0 - value)
        .with("accuracy", value + 0.01 * config.seed as f64)
}

fn text(out: &Path, name: &str) -> String {
    fs::read_to_string(out.join(name)).unwrap()
}

#[test]
fn trials_are_all_combinations_the_first_key_slowest() {
    let trials = grid("runs/x".as_ref()).trials().unwrap();
    let names: Vec<&str> = trials.iter().map(|trial| &*trial.name).collect();
    assert_eq!(names.len(), 18);
    assert_eq!(
        names[..4],
        [
            "rho=0.0,optimizer.lr=0.1,seed=0",
            "rho=0.0,optimizer.lr=0.1,seed=1",
            "rho=0.0,optimizer.lr=0.1,seed=2",
            "rho=0.0,optimizer.lr=0.2,seed=0",
        ]
    );
    let last = &trials[17].config;
    assert_eq!(
        (last.rho(0, 1), last.optimizer.lr(), last.seed),
        (0.1, 0.2, 2)
    );
    assert!(last.resume && last.out.ends_with(&trials[17].name));
    assert_eq!(grid("runs/x".as_ref()).trials().unwrap(), trials);
}

#[test]
fn the_table_has_means_and_spread_the_best_first() {
    let dir = tempfile::tempdir().unwrap();
    let swept = grid(dir.path())
        .run(|trial| Ok::<_, Failure>(outcome(trial)))
        .unwrap();
    assert_eq!(swept.stop(), Stop::Finished);
    let rows = swept.table().rows();
    assert_eq!(rows.len(), 6);
    let best = rows[0].value("accuracy").unwrap();
    assert_eq!(rows[0].settings()[0].1, "0.05");
    // Of 0.90, 0.91, 0.92.
    assert!((best.mean - 0.91).abs() < 1e-12, "{best:?}");
    assert!((best.deviation.unwrap() - 0.01).abs() < 1e-12, "{best:?}");
    assert_eq!(best.count, 3);
    let means: Vec<f64> = rows
        .iter()
        .map(|row| row.value("accuracy").unwrap().mean)
        .collect();
    assert!(means.is_sorted_by(|a, b| a >= b), "{means:?}");
    assert_eq!(swept.table().names(), ["accuracy", "loss"]);
    let table = text(dir.path(), "table.txt");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[1].starts_with("0.05"), "{table}");
    assert!(lines[1].contains("0.9100 ± 0.0100"), "{table}");
    let csv = text(dir.path(), "table.csv");
    assert!(
        csv.starts_with(
            "rho,optimizer.lr,done,failed,open,accuracy,accuracy_deviation,accuracy_lowest,accuracy_highest,loss"
        ),
        "{csv}"
    );
    let json = text(dir.path(), "table.jsonl");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["settings"]["rho"], 0.05);
    assert_eq!(
        first["values"]["accuracy"]["all"].as_array().unwrap().len(),
        3
    );
}

/// Cut off before each trial in turn, in it, and by an error of its own.
#[test]
fn cut_off_anywhere_it_ends_with_the_same_table() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    grid(&whole)
        .run(|trial| Ok::<_, Failure>(outcome(trial)))
        .unwrap();
    for cut in 0..18 {
        let out = dir.path().join(cut.to_string());
        let runs = Cell::new(0);
        let count = || runs.replace(runs.get() + 1);
        let swept = grid(&out).run(|trial| match count() == cut {
            true => Ok::<_, Failure>(Outcome::of(Stop::Interrupted)),
            false => Ok(outcome(trial)),
        });
        let swept = swept.unwrap();
        assert_eq!(swept.stop(), Stop::Interrupted);
        assert_eq!(swept.table().open(), 18 - cut);
        assert!(text(&out, "table.txt").contains("still to be run"));
        // A panic is as a kill: nothing is written after it.
        runs.set(0);
        let dies = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            grid(&out).run(|trial| match count() == 1 {
                true => panic!("killed"),
                false => Ok::<_, Failure>(outcome(trial)),
            })
        }));
        assert_eq!(dies.is_err(), cut < 17);
        runs.set(0);
        let swept = grid(&out).run(|trial| {
            count();
            Ok::<_, Failure>(outcome(trial))
        });
        assert_eq!(swept.unwrap().stop(), Stop::Finished);
        assert_eq!(runs.get(), 17_usize.saturating_sub(cut));
        for name in ["table.txt", "table.csv", "table.jsonl"] {
            assert_eq!(text(&out, name), text(&whole, name), "{cut}");
        }
    }
}

#[test]
fn a_failing_trial_is_reported_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let is_wrong =
        |trial: &Trial<RunConfig>| trial.config.seed == 1 && trial.settings[0].1 == "0.1";
    let swept = grid(dir.path()).run(|trial| match is_wrong(trial) {
        true => Err::<_, Failure>("the loss is NaN".into()),
        false => Ok(outcome(trial)),
    });
    let swept = swept.unwrap();
    assert_eq!(swept.stop(), Stop::Finished);
    let failed: Vec<_> = swept.table().failed().collect();
    assert_eq!(failed.len(), 2);
    assert_eq!((failed[0].1, failed[0].2), (Some(1), "the loss is NaN"));
    let table = text(dir.path(), "table.txt");
    assert!(
        table.contains("2/3") && table.contains("seed=1: the loss is NaN"),
        "{table}"
    );
    let tried = Cell::new(0);
    let swept = grid(dir.path()).run(|trial| {
        tried.set(tried.get() + 1);
        Ok::<_, Failure>(outcome(trial))
    });
    assert_eq!(
        (swept.unwrap().table().failed().count(), tried.get()),
        (0, 2)
    );
    // One that doesn't give what the sweep is for.
    let other = dir.path().join("other");
    let swept = grid(&other).run(|_| Ok::<_, Failure>(Outcome::new().with("acc", 0.5)));
    let swept = swept.unwrap();
    let (_, _, reason) = swept.table().failed().next().unwrap();
    assert_eq!(
        reason,
        "it gave no `accuracy`, which is the sweep's goal, but acc"
    );
    assert!(matches!(
        swept.table().rows()[0].trials()[0].1,
        End::Failed(_)
    ));
}

#[test]
fn a_changed_definition_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let run = |sweep: Sweep<RunConfig>| {
        let runs = Cell::new(0);
        let swept = sweep.run(|trial| {
            runs.set(runs.get() + 1);
            Ok::<_, Failure>(outcome(trial))
        });
        swept.map(|swept| (runs.get(), swept.left_out().len()))
    };
    let sweep = |base: &RunConfig, rho: &[f64]| {
        Sweep::new(dir.path(), base)
            .values("rho", rho)
            .progress(false)
    };
    assert_eq!(run(sweep(&base(), &[0.0, 0.1])).unwrap(), (2, 0));
    // More and fewer values are the sweep's own matter.
    assert_eq!(run(sweep(&base(), &[0.0, 0.05, 0.1])).unwrap(), (1, 0));
    assert_eq!(run(sweep(&base(), &[0.05])).unwrap(), (0, 2));
    let quiet = RunConfig {
        minutes: Some(5.0),
        ..base()
    };
    assert_eq!(run(sweep(&quiet, &[0.05])).unwrap(), (0, 2));
    let longer = RunConfig {
        epochs: 3,
        ..base()
    };
    let error = run(sweep(&longer, &[0.05])).unwrap_err();
    assert!(matches!(error, SweepError::Changed { .. }));
    let said = error.to_string();
    assert!(
        said.contains("rho=0.05") && said.contains("(epochs: 3, was 2)"),
        "{said}"
    );
}

#[test]
fn a_wrong_definition_is_refused_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("sweep");
    let new = || Sweep::new(&out, &base());
    for (sweep, parts) in [
        (
            new().values("rho", [0.1, -0.1]),
            &["rho=-0.1", "at least 0"][..],
        ),
        (new().values("roh", [0.1, 0.2]), &["roh", "unknown field"]),
        (new().values("rho", [0.1, 0.1]), &["`rho`", "0.1 twice"]),
        (
            new().values("rho", [0.1]).values("rho", [0.2]),
            &["`rho`", "named twice"],
        ),
        (new().values("rho", [0.0; 0]), &["`rho`", "no value"]),
        (new().seeds([1, 1]), &["seeds", "1 twice"]),
        (
            new().draw("rho", Draw::uniform(0.0, 0.1)),
            &["`rho`", "`draws`"],
        ),
        (new().draws(3, 0), &["`draws`", "no key"]),
        (
            new().draw("rho", Draw::log_uniform(0.0, 0.1)).draws(3, 0),
            &["`rho`", "above 0"],
        ),
        (
            new().values("epochs.x", [1, 2]),
            &["`epochs.x`", "no table"],
        ),
    ] {
        let error = sweep.run(|trial| Ok::<_, Failure>(outcome(trial)));
        let error = error.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
        assert!(!out.exists());
    }
}

#[test]
fn values_are_anything_that_a_configuration_has() {
    let optimizers = [
        OptimizerConfig::from(SgdKeys::default()),
        AdamKeys::default().into(),
    ];
    let rates = [
        Schedule::constant(0.1),
        Schedule::cosine(0.1, 0.0, 100).with_warmup(10),
    ];
    let sweep = Sweep::new("runs/x", &base())
        .values("optimizer", optimizers.clone())
        .values("lr", rates.clone())
        .variants(
            "steps",
            [
                ("sam", &["rho=0.1"][..]),
                ("sgd", &["rho=0.0", "when.start=9"]),
            ],
        );
    let trials = sweep.trials().unwrap();
    assert_eq!(trials.len(), 8);
    assert_eq!(trials[4].config.optimizer, optimizers[1]);
    assert_eq!(trials[2].config.lr.as_ref(), Some(&rates[1]));
    assert_eq!(trials[1].config.when.start, 9);
    let mut names: Vec<&str> = trials.iter().map(|trial| &*trial.name).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "=,._-~".contains(c);
    assert!(
        names
            .iter()
            .all(|name| name.chars().all(is_plain) && name.len() < 128)
    );
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[test]
fn draws_are_a_function_of_the_seed() {
    let draws = |count, seed| {
        let sweep = Sweep::new("runs/x", &base())
            .draw("rho", Draw::log_uniform(1e-3, 1.0))
            .draw("optimizer.lr", Draw::uniform(0.1, 0.2))
            .draw("epochs", Draw::whole(3, 5))
            .draw("resume", Draw::choice([true]))
            .draws(count, seed);
        let trials = sweep.trials().unwrap();
        let values = trials.iter().map(|trial| {
            let config = &trial.config;
            (config.rho(0, 1), config.optimizer.lr(), config.epochs)
        });
        values.collect::<Vec<_>>()
    };
    let all = draws(400, 7);
    assert_eq!(draws(10, 7), all[..10]);
    assert_ne!(draws(10, 8), all[..10]);
    assert!(all.iter().all(|(rho, lr, epochs)| {
        (1e-3..=1.0).contains(rho) && (0.1..=0.2).contains(lr) && (3..=5).contains(epochs)
    }));
    // Half of the logarithms lie below the middle, and a third of the whole numbers are each.
    let low = all
        .iter()
        .filter(|(rho, ..)| *rho < 1e-3_f64.sqrt())
        .count();
    assert!((160..240).contains(&low), "{low}");
    let fours = all.iter().filter(|(.., epochs)| *epochs == 4).count();
    assert!((100..167).contains(&fours), "{fours}");
}

type Net = Built<Linear<4, 2>>;

/// A training of 2 epochs of 3 batches.
fn trained(trial: &Trial<RunConfig>, minutes: Option<f64>) -> Result<Outcome, Failure> {
    const BATCHES: usize = 3;
    let config = RunConfig {
        minutes,
        ..trial.config.clone()
    };
    let dev = Cpu::seed_from_u64(config.seed);
    let mut model: Net = dev.build_module::<Linear<4, 2>, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
    let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
    while let Some(from) = run.next_epoch(BATCHES) {
        for _ in from.batch..BATCHES {
            opt.set_lr(run.lr());
            let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
            let loss = model.forward(x.traced(model.alloc_grads())).square().mean();
            run.saw(loss.array(), 8);
            let grads = loss.backward();
            opt.update(&mut model, &grads)?;
            if !run.step(&model, &opt)? {
                break;
            }
        }
        let norm = model.weight.clone().square().sum::<Rank0, _>().array();
        run.found("validation", [("norm", 2.0 * f64::from(norm))]);
        run.end_epoch(&model, &opt, &[("norm", norm.into())])?;
    }
    Ok(trial.recorded(run.finish()?)?)
}

/// Every process of the second sweep ends after a step.
#[test]
fn an_interrupted_trial_resumes_from_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = |name: &str| {
        Sweep::new(dir.path().join(name), &base())
            .values("lr", [0.01, 0.1])
            .seeds([3, 4])
            .goal("norm", Best::Lowest)
            .progress(false)
    };
    let whole = sweep("whole").run(|trial| trained(trial, None)).unwrap();
    assert_eq!(whole.table().failed().count(), 0, "{}", whole.table());
    assert_eq!(
        whole.table().names(),
        ["norm", "validation/norm", "train_loss"]
    );
    let mut processes = 0;
    let last = loop {
        processes += 1;
        let swept = sweep("pieces")
            .run(|trial| trained(trial, Some(1e-9)))
            .unwrap();
        if swept.stop() != Stop::TimeLimit {
            break swept;
        }
        assert!(processes < 100, "it never comes to its end");
    };
    assert!(processes > 4 * 5, "{processes}");
    assert_eq!(last.table(), whole.table());
    for name in ["table.txt", "table.csv", "table.jsonl"] {
        let [a, b] = ["whole", "pieces"].map(|of| text(&dir.path().join(of), name));
        assert_eq!(a, b);
    }
}
