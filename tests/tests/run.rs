//! A `Run` around a loop: when it stops, what it writes, what it refuses.

use std::{fs, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    data::{DataError, Position},
    optim::AnyOptimizer,
    prelude::*,
    run::{
        Run, RunConfig, RunError,
        checkpoint::{Checkpoint, CheckpointStore},
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
    let written: RunConfig = load(config.out.join("config.toml")).unwrap();
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
    assert_eq!(seen, [(1, "train"), (1, "test"), (1, "epoch")]);
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

/// More patience, another value, or no rule at all: the run goes on.
#[test]
fn a_run_that_stopped_early_goes_on_without_the_rule() {
    let rule = |on: &str, patience: u32| {
        format!("early_stopping = {{ on = '{on}', goal = 'highest', patience = {patience} }}")
    };
    let stopped = |changed: &str| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let accuracies = [0.5, 0.4, 0.3, 0.9];
        let first = config(&out, &rule("accuracy", 1));
        assert_eq!(run(&first, &accuracies).stop, Some(Stop::NoProgress));
        let again = config(&out, &format!("resume = true\n{changed}"));
        let stop = run(&again, &accuracies).stop;
        (stop, records(&again, "test").len())
    };
    assert_eq!(stopped(&rule("accuracy", 1)), (Some(Stop::NoProgress), 2));
    assert_eq!(stopped(&rule("accuracy", 2)), (Some(Stop::NoProgress), 3));
    assert_eq!(stopped(&rule("accuracy", 3)), (Some(Stop::Finished), 4));
    assert_eq!(stopped(""), (Some(Stop::Finished), 4));
    // What it watches now has no past: the training loss falls, so that it is 2 epochs since its highest.
    assert_eq!(stopped(&rule("train_loss", 1)), (Some(Stop::NoProgress), 4));
}

/// A value that is infinite, as a loss that has overflowed, is remembered over a resume.
#[test]
fn an_infinite_value_stops_a_resumed_run_when_it_stops_a_whole_one() {
    let rule = "early_stopping = { on = 'accuracy', goal = 'highest', patience = 2 }";
    let values = [f64::INFINITY, 0.5, 0.6, 0.7];
    let dir = tempfile::tempdir().unwrap();
    let whole = config(&dir.path().join("whole"), rule);
    assert_eq!(run(&whole, &values).stop, Some(Stop::NoProgress));
    let mut pieces = config(
        &dir.path().join("pieces"),
        &format!("{rule}\nminutes = 1e-9"),
    );
    pieces.resume = true;
    while run(&pieces, &values).stop == Some(Stop::TimeLimit) {}
    assert_eq!(
        records(&pieces, "test").len(),
        records(&whole, "test").len()
    );
    assert_eq!(records(&pieces, "test").len(), 3);
}

/// The running mean begins at the weights of the checkpoint, momentum at rest.
#[test]
fn a_running_mean_and_momentum_can_be_switched_on_at_a_resume() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut first = config(&out, "");
    first.optimizer = toml::from_str("kind = 'sgd'\nlr = 0.05").unwrap();
    first.epochs = 2;
    let half = run(&first, &RISING).weights;
    let mut second = config(&out, "resume = true\nema = { decay = 1.0 }");
    second.epochs = 4;
    assert_eq!(run(&second, &RISING).stop, Some(Stop::Finished));
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    let last = store.latest().unwrap().unwrap();
    let mut mean = Cpu::default().build_module::<Net, f32>();
    last.load_with("ema", |state| {
        let bytes = &state.tensors["weight"].bytes;
        let values = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b));
        mean.weight.copy_from(&values.collect::<Vec<_>>());
        Ok(())
    })
    .unwrap();
    // With a decay of 1 it stays where it began.
    assert_eq!(mean.weight.as_vec(), half);
    last.load_with("optimizer", |state| {
        assert!(state.tensors.contains_key("momentum_buffer.weight"));
        Ok(())
    })
    .unwrap();
}

#[sam_train(rho = run.rho(), nonfinite = "skip")]
fn train_on(
    run: &mut Run<Built>,
    model: &mut Built,
    opt: &mut AnyOptimizer<Built, f32, Cpu>,
    bad: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(BATCHES) {
        for (x, y) in batches(from) {
            opt.set_lr(run.lr());
            let factor = if run.steps() == bad { f32::NAN } else { 1.0 };
            let loss = mse_loss(model.forward_mut((x * factor).traced(grads)), y);
            run.saw(loss.array(), 8);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        run.end_epoch(model, opt, &[])?;
    }
    Ok(())
}

#[test]
fn a_batch_that_is_left_out_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), "ema = { decay = 0.5 }");
    config.log.every = 1;
    let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
    let mut run = Run::start(&config, &config, &mut model, &mut opt).unwrap();
    train_on(&mut run, &mut model, &mut opt, 7).unwrap();
    assert_eq!(run.steps(), 20);
    let mean = run.evaluated(&model).weight.as_vec();
    assert!(
        mean.iter()
            .chain(&model.weight.as_vec())
            .all(|w| w.is_finite())
    );
    run.finish().unwrap();
    let losses: Vec<bool> = records(&config, "train")
        .iter()
        .map(|record| record.get("loss").is_some())
        .collect();
    let expected: Vec<bool> = (0..20).map(|step| step != 7).collect();
    assert_eq!(losses, expected);
    let epochs = records(&config, "epoch");
    assert!(
        epochs
            .iter()
            .all(|r| r.get("train_loss").unwrap().is_finite())
    );
    // Counted in the epoch that it was in, from its step on.
    let left_out = |records: &[Record]| -> Vec<Option<f64>> {
        records
            .iter()
            .map(|record| record.get("left_out"))
            .collect()
    };
    assert_eq!(left_out(&epochs), [None, Some(1.0), None, None]);
    let expected: Vec<_> = (0..20)
        .map(|step| (7..10).contains(&step).then_some(1.0))
        .collect();
    assert_eq!(left_out(&records(&config, "train")), expected);
}

/// Its training loss, however short it is.
#[test]
fn each_epoch_has_its_mean_training_loss() {
    let dir = tempfile::tempdir().unwrap();
    let mut each = config(&dir.path().join("each"), "");
    each.log.every = 1;
    run(&each, &RISING);
    let losses: Vec<f64> = records(&each, "train")
        .iter()
        .map(|record| record.get("loss").unwrap())
        .collect();
    let means: Vec<f64> = losses
        .chunks(5)
        .map(|epoch| epoch.iter().sum::<f64>() / 5.0)
        .collect();
    let mut none = config(&dir.path().join("none"), "");
    none.log.every = 1000;
    run(&none, &RISING);
    assert!(records(&none, "train").is_empty());
    for config in [each, none] {
        let found = records(&config, "epoch");
        let steps: Vec<u64> = found.iter().map(|record| record.step).collect();
        assert_eq!(steps, [5, 10, 15, 20]);
        for (found, mean) in found.iter().zip(&means) {
            assert!((found.get("train_loss").unwrap() - mean).abs() < 1e-12);
        }
    }
}

/// Killed after the evaluation's records and before its checkpoint.
#[test]
fn an_evaluation_that_is_done_again_is_recorded_once() {
    let dir = tempfile::tempdir().unwrap();
    let whole = config(&dir.path().join("whole"), "");
    run(&whole, &RISING);
    let mut pieces = config(&dir.path().join("pieces"), "");
    pieces.epochs = 2;
    run(&pieces, &RISING);
    let checkpoints = pieces.out.join("checkpoints");
    // The checkpoint of step 10 as it was before the evaluation.
    let store = CheckpointStore::open(&checkpoints).unwrap();
    let last = store.latest().unwrap().unwrap();
    let mut kept: serde_json::Value = last.value("run").unwrap();
    kept["position"] = serde_json::json!({ "epoch": 1, "batch": 5 });
    store.save(&last.with_value("run", &kept).unwrap()).unwrap();
    drop(store);
    pieces.epochs = 4;
    pieces.resume = true;
    run(&pieces, &RISING);
    let all = |config: &RunConfig| {
        ["train", "test"].map(|split| {
            let records = records(config, split).into_iter();
            records
                .map(|r| (r.step, r.get("loss"), r.get("accuracy")))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(all(&pieces), all(&whole));
}

/// Which samples were trained on, of 40 in batches of 4, of which number 6 can't be read.
struct Flaky;

impl Dataset for Flaky {
    type Item = Sample<Rank1<4>, 2>;

    fn len(&self) -> usize {
        40
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        match index {
            6 => Err(DataError::Other("a damaged file".into())),
            _ => Sample::new(vec![index as f32; 4], index % 2),
        }
    }
}

/// The first samples of the batches that were trained on, in one process that ends after `cut` steps; one
/// batch in three is left out, too, if it `chooses`.
fn trained(out: &Path, cut: u64, peeks: bool, chooses: bool) -> Vec<u32> {
    let mut config = config(out, "checkpoints.every = 1\nresume = true");
    config.epochs = 2;
    let loader = DataLoader::<_, 4>::new(Flaky).unwrap().seed(1);
    let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
    let mut run = Run::start(&config, &config, &mut model, &mut opt).unwrap();
    let (dev, mut seen, begin) = (Cpu::default(), Vec::new(), run.steps());
    while let Some(from) = run.next_epoch(loader.len()) {
        let mut batches = loader.try_epoch(&dev, from).peekable();
        while let Some(batch) = batches.next() {
            if peeks {
                batches.peek();
            }
            let Ok((x, _)) = batch else { continue };
            let first = x.as_vec()[0] as u32;
            if chooses && first.is_multiple_of(3) {
                run.passed_over();
                continue;
            }
            seen.push(first);
            if !run.step(&model, &opt).unwrap() {
                break;
            }
            if run.steps() - begin == cut {
                return seen;
            }
        }
        run.end_epoch(&model, &opt, &[]).unwrap();
    }
    seen
}

/// Whether a batch can't be read, or is left out, or taken ahead: after a resume each one comes once.
#[test]
fn a_batch_that_is_passed_over_shifts_nothing() {
    for (peeks, chooses) in [(false, false), (true, false), (false, true)] {
        let dir = tempfile::tempdir().unwrap();
        let whole = trained(&dir.path().join("whole"), u64::MAX, peeks, chooses);
        if !chooses {
            assert_eq!(whole.len(), 18);
        }
        for cut in 1..whole.len() as u64 {
            let out = dir.path().join(cut.to_string());
            let mut pieces = trained(&out, cut, peeks, chooses);
            pieces.extend(trained(&out, u64::MAX, peeks, chooses));
            assert_eq!(
                pieces, whole,
                "cut after {cut}, peeks {peeks}, chooses {chooses}"
            );
        }
    }
}

/// Numbers at the end of what fits.
#[test]
fn no_number_of_a_configuration_or_checkpoint_panics() {
    let dir = tempfile::tempdir().unwrap();
    let long = config(&dir.path().join("long"), "minutes = 1e300");
    assert_eq!(run(&long, &RISING).stop, Some(Stop::Finished));
    // A step that has none after it.
    let store = CheckpointStore::open(long.out.join("checkpoints")).unwrap();
    let mut model = Cpu::default().build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &long.optimizer).unwrap();
    let last = store.latest().unwrap().unwrap();
    last.load_module("model", &mut model).unwrap();
    last.load_state("optimizer", &mut opt).unwrap();
    let save = |step: u64, kept_step: u64| {
        let mut kept: serde_json::Value = last.value("run").unwrap();
        kept["step"] = kept_step.into();
        kept["position"] = serde_json::json!({ "epoch": 2, "batch": 1 });
        kept["early_stopping"]["since"] = u64::MAX.into();
        kept["epoch_loss"] = serde_json::json!({ "sum": 1.0, "lost": 0.0, "samples": u64::MAX });
        let checkpoint = Checkpoint::new(step)
            .with_module("model", &model)
            .and_then(|c| c.with_state("optimizer", &opt))
            .and_then(|c| c.with_value("run", &kept));
        store.save(&checkpoint.unwrap()).unwrap();
    };
    save(i64::MAX as u64 - 2, i64::MAX as u64 - 2);
    save(u64::MAX, 7);
    let config = config(
        &long.out,
        "resume = true\nearly_stopping = { on = 'accuracy', goal = 'highest', patience = 18446744073709551 }",
    );
    let error = || match try_run(&config, &RISING, |_| 1.0) {
        Err(error) => error.to_string(),
        Ok(ended) => ended.result.unwrap_err().to_string(),
    };
    let store_path = store.path(u64::MAX);
    drop(store);
    assert_eq!(
        error(),
        "`run`: it is of step 7, and the checkpoint of 18446744073709551615"
    );
    fs::remove_file(store_path).unwrap();
    // Event files end there.
    assert!(
        error().contains("is above 9223372036854775807"),
        "{}",
        error()
    );
}
