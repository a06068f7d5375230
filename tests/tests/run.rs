//! A `Run` around a loop: when it stops, what it writes, what it refuses.

use std::{fs, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    data::Position,
    optim::AnyOptimizer,
    prelude::*,
    run::{
        Run, RunConfig, RunError,
        checkpoint::CheckpointStore,
        load,
        metrics::{Record, read_jsonl},
        stop::Stop,
    },
};

type Net = Linear<4, 2>;
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Batch = (Tensor<Rank2<8, 4>, f32, Cpu>, Tensor<Rank2<8, 2>, f32, Cpu>);

/// Batches of an epoch.
const BATCHES: usize = 5;

fn batches(from: Position) -> Vec<Batch> {
    let dev = Cpu::seed_from_u64(from.epoch as u64);
    let all: Vec<Batch> = (0..BATCHES)
        .map(|_| (dev.sample_normal(), dev.zeros()))
        .collect();
    all[from.batch..].to_vec()
}

/// A loop whose evaluation finds `accuracies`, epoch by epoch, and whose loss is scaled by `scale(step)`.
#[sam_train(rho = run.rho())]
fn train(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    accuracies: &[f64],
    scale: fn(u64) -> f32,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(BATCHES) {
        for (x, y) in run.limit(batches(from)) {
            opt.set_lr(run.lr());
            let step = run.steps();
            let prediction = model.forward_mut(x.traced(grads));
            let loss = mse_loss(prediction, y);
            run.saw(loss.array() * scale(step), 8);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        let accuracy = accuracies[run.position().epoch];
        run.end_epoch(model, opt, &[("accuracy", accuracy)])?;
    }
    Ok(())
}

fn config(out: &Path, more: &str) -> RunConfig {
    let text = format!(
        "out = {out:?}\nepochs = 4\noptimizer = {{ kind = 'sgd', lr = 0.05, momentum = 0.5 }}\n\
         log = {{ every = 2, progress = false }}\n{more}"
    );
    toml::from_str(&text).unwrap()
}

struct Ended {
    result: Result<(), Box<dyn std::error::Error>>,
    stop: Option<Stop>,
    weights: Vec<f32>,
}

fn try_run(
    config: &RunConfig,
    accuracies: &[f64],
    scale: fn(u64) -> f32,
) -> Result<Ended, RunError> {
    let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
    let mut run = Run::start(config, config, &mut model, &mut opt)?;
    let result = train(&mut run, &mut model, &mut opt, accuracies, scale);
    let stop = result.is_ok().then(|| run.finish().unwrap());
    Ok(Ended {
        result,
        stop,
        weights: model.weight.as_vec(),
    })
}

fn run(config: &RunConfig, accuracies: &[f64]) -> Ended {
    let ended = try_run(config, accuracies, |_| 1.0).unwrap();
    if let Err(error) = &ended.result {
        panic!("{error}");
    }
    ended
}

fn records(config: &RunConfig, split: &str) -> Vec<Record> {
    let records = read_jsonl(config.out.join("metrics.jsonl")).unwrap();
    records.into_iter().filter(|r| r.split == split).collect()
}

const RISING: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

#[test]
fn a_whole_run_writes_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let schedules = "lr = { kind = 'linear', from = 0.1, to = 0.0, steps = 20 }\n\
                     rho = { kind = 'step', base = 0.2, gamma = 0.5, every = 10 }";
    let config = config(&dir.path().join("run"), schedules);
    assert_eq!(run(&config, &RISING).stop, Some(Stop::Finished));
    let train = records(&config, "train");
    let steps: Vec<u64> = train.iter().map(|r| r.step).collect();
    assert_eq!(steps, (1..=10).map(|i| 2 * i).collect::<Vec<_>>());
    for record in &train {
        // The values of the record's last update, which is step - 1 counted from 0.
        let update = (record.step - 1) as f64;
        assert!((record.get("learning_rate").unwrap() - 0.1 * (1.0 - update / 20.0)).abs() < 1e-12);
        assert_eq!(
            record.get("rho"),
            Some(if record.step <= 10 { 0.2 } else { 0.1 })
        );
        assert!(record.get("sharpness").unwrap() > 0.0);
        assert!(record.get("gradient_norm").unwrap() > 0.0);
        assert_eq!(record.epoch, record.step as f64 / 5.0);
    }
    let found: Vec<_> = records(&config, "test")
        .iter()
        .map(|r| r.get("accuracy"))
        .collect();
    assert_eq!(found, RISING.map(Some));
    let losses: Vec<f64> = train.iter().filter_map(|r| r.get("loss")).collect();
    assert!(losses[9] < losses[0]);
    let written: RunConfig = load(config.out.join("config.toml"), &[] as &[&str]).unwrap();
    assert_eq!(written, config);
    let store = CheckpointStore::open(config.out.join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap(), [10, 15, 20]);
}

#[test]
fn early_stopping_ends_it_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let rule = "early_stopping = { on = 'accuracy', goal = 'highest', patience = 1 }";
    let mut config = config(&dir.path().join("run"), rule);
    assert_eq!(
        run(&config, &[0.5, 0.4, 0.9, 0.9]).stop,
        Some(Stop::NoProgress)
    );
    assert_eq!(records(&config, "test").len(), 2);
    config.resume = true;
    assert_eq!(
        run(&config, &[0.5, 0.4, 0.9, 0.9]).stop,
        Some(Stop::NoProgress)
    );
    assert_eq!(records(&config, "test").len(), 2);
}

#[test]
fn a_plateau_lowers_the_learning_rate() {
    let dir = tempfile::tempdir().unwrap();
    let rule = "plateau = { on = 'accuracy', goal = 'highest', factor = 0.5, patience = 0 }";
    let config = config(&dir.path().join("run"), rule);
    run(&config, &[0.5, 0.5, 0.6, 0.4]);
    let last = |epoch: u64| {
        let train = records(&config, "train");
        let mut of_epoch = train.iter().filter(|r| r.step.div_ceil(5) == epoch);
        of_epoch.next_back().unwrap().get("learning_rate").unwrap()
    };
    assert_eq!(
        [last(1), last(2), last(3), last(4)],
        [0.05, 0.05, 0.025, 0.025]
    );
}

#[test]
fn the_best_checkpoint_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let keep = "checkpoints = { keep = 1, best = { on = 'accuracy', goal = 'highest' } }";
    let config = config(&dir.path().join("run"), keep);
    run(&config, &[0.5, 0.9, 0.6, 0.4]);
    let store = CheckpointStore::open(config.out.join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap(), [10, 20]);
    assert_eq!(store.load(10).unwrap().score, Some(0.9));
}

#[test]
fn a_loss_that_is_not_finite_ends_it_and_names_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir.path().join("run"), "checkpoints = { every = 3 }");
    let infinite = |step| if step == 7 { f32::INFINITY } else { 1.0 };
    let ended = try_run(&config, &RISING, infinite).unwrap();
    let error = ended.result.unwrap_err().to_string();
    assert!(
        error.starts_with("the loss of step 7 is inf; the last good checkpoint is "),
        "{error}"
    );
    assert!(error.contains("step-000000006.json"), "{error}");
    // Before there is one, it says so.
    let config = self::config(&dir.path().join("other"), "");
    let ended = try_run(&config, &RISING, |_| f32::NAN).unwrap();
    let error = ended.result.unwrap_err().to_string();
    assert!(error.contains("there is no checkpoint yet"), "{error}");
}

#[test]
fn the_time_limit_leaves_a_checkpoint_to_go_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let whole = run(&config(&dir.path().join("whole"), ""), &RISING);
    // Over after each step.
    let mut limited = config(&dir.path().join("limited"), "minutes = 1e-9");
    assert_eq!(run(&limited, &RISING).stop, Some(Stop::TimeLimit));
    limited.resume = true;
    let mut starts = 1;
    let last = loop {
        let ended = run(&limited, &RISING);
        starts += 1;
        if ended.stop == Some(Stop::Finished) {
            break ended;
        }
    };
    assert_eq!(starts, 21);
    assert_eq!(last.weights, whole.weights);
    let timeless = |split| {
        let records = records(&limited, split);
        records
            .iter()
            .map(|r| (r.step, r.get("loss"), r.get("accuracy")))
            .collect::<Vec<_>>()
    };
    assert_eq!(timeless("test").len(), 4);
    assert_eq!(timeless("train").len(), 10);
}

#[test]
fn a_dry_run_tries_everything_once_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut config = config(&out, "");
    run(&config, &RISING);
    let before = fs::read(out.join("metrics.jsonl")).unwrap();
    config.dry_run = true;
    fs::create_dir(out.join("dry-run")).unwrap();
    fs::write(out.join("dry-run/notes.txt"), "mine").unwrap();
    for _ in 0..2 {
        assert_eq!(run(&config, &RISING).stop, Some(Stop::DryRun));
    }
    assert_eq!(fs::read(out.join("metrics.jsonl")).unwrap(), before);
    assert_eq!(
        fs::read_to_string(out.join("dry-run/notes.txt")).unwrap(),
        "mine"
    );
    let dry = read_jsonl(out.join("dry-run/metrics.jsonl")).unwrap();
    let seen: Vec<_> = dry.iter().map(|r| (r.step, &*r.split)).collect();
    assert_eq!(seen, [(1, "train"), (1, "test")]);
    let store = CheckpointStore::open(out.join("dry-run/checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap(), [1]);
}

#[test]
fn what_it_refuses_it_refuses_before_it_trains() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let first = config(&out, "");
    run(&first, &RISING);
    let again = try_run(&first, &RISING, |_| 1.0).err().unwrap().to_string();
    assert!(
        again.contains("has the checkpoints of an earlier run; set `resume = true`"),
        "{again}"
    );
    let other = "resume = true\nplateau = { on = 'acuracy', goal = 'highest' }";
    let watched = try_run(&config(&dir.path().join("w"), other), &RISING, |_| 1.0).unwrap();
    let error = watched.result.unwrap_err().to_string();
    assert_eq!(
        error,
        "the configuration watches `acuracy`, but an epoch gives accuracy, train_loss"
    );
}
