//! The model that is loaded from a run's best checkpoint is the one whose score it has: with and without a running mean of the
//! weights, running statistics included, on one rank and on several.

use std::{cell::RefCell, path::Path};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    distributed::{Averaged, Threads, World},
    optim::{AnyOptimizer, SaveState},
    prelude::*,
    run::{
        Run, RunConfig, best_model,
        checkpoint::{Best, Checkpoint, CheckpointError, CheckpointStore, Scored, module_state},
        metrics::read_jsonl,
    },
};

type Net = (Linear<36, 8>, BatchNorm1D<8>, ReLU, Linear<8, 3>);
type Model = Built<Net>;
type Data = Images<Rank1<36>, 3>;

const EPOCHS: usize = 8;

/// Images of which the brighter third tells their class, now and then.
fn images(n: usize, seed: usize) -> Data {
    let pixel = |i: usize, at: usize| {
        let bright = if at / 12 == i % 3 { 25 } else { 0 };
        bright + (((i + seed) * 131 + at * 37 + (i + seed) * at * 11) % 200) as u8
    };
    let pixels = (0..n).flat_map(|i| (0..36).map(move |at| pixel(i, at)));
    Images::new(pixels.collect(), (0..n).map(|i| i % 3).collect()).unwrap()
}

fn test() -> Data {
    images(150, 1000)
}

/// Of all test data.
fn accuracy_of(model: &Model) -> f64 {
    accuracy(model, chunks(&test(), &Cpu::default(), 50))
}

/// What a loop evaluates.
#[derive(Clone, Copy, PartialEq)]
enum Evaluates {
    /// What the run says.
    Evaluated,
    /// The model itself, whatever the run says.
    Raw,
}

/// Trains, and gives each epoch's accuracy and the logits of its evaluated model.
fn train(
    run: &mut Run<Model>,
    model: &mut Model,
    opt: &mut (impl Optimizer<Model, Cpu, f32> + SaveState),
    loader: &DataLoader<Data, 8>,
    evaluates: Evaluates,
) -> Vec<(f64, Vec<f32>)> {
    let (dev, mut epochs) = (Cpu::default(), Vec::new());
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in loader.epoch(&dev, from) {
            let logits = model.forward_mut(x.traced(model.alloc_grads()));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.saw(loss.array(), 8);
            opt.update(model, &loss.backward()).unwrap();
            if !run.step(model, opt).unwrap() {
                break;
            }
        }
        let evaluated = match evaluates {
            Evaluates::Evaluated => run.evaluated(model),
            Evaluates::Raw => &*model,
        };
        let accuracy = accuracy_of(evaluated);
        epochs.push((accuracy, logits(evaluated)));
        run.end_epoch(model, opt, &[("accuracy", accuracy)])
            .unwrap();
    }
    epochs
}

fn logits(model: &Model) -> Vec<f32> {
    let (x, _) = chunks(&test(), &Cpu::default(), 150).next().unwrap();
    model.forward(x).as_vec()
}

fn config(out: &Path, more: &str) -> RunConfig {
    let text = format!(
        "out = {out:?}\nepochs = {EPOCHS}\noptimizer = {{ kind = 'sgd', lr = 0.2, momentum = 0.9 }}\n\
         log.progress = false\n{more}"
    );
    toml::from_str(&text).unwrap()
}

const BEST: &str = "checkpoints = { keep = 1, best = { on = 'accuracy', goal = 'highest' } }\n";

/// A run in the folder `out`: what [`train`] gives.
fn trained(out: &Path, more: &str, evaluates: Evaluates) -> Vec<(f64, Vec<f32>)> {
    let config = config(out, more);
    let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
    let mut run = Run::start(&config, &config, &mut model, &mut opt).unwrap();
    let loader = DataLoader::new(images(96, 0)).unwrap();
    let epochs = train(&mut run, &mut model, &mut opt, &loader, evaluates);
    run.finish().unwrap();
    epochs
}

/// The best model of the folder `out` is that of the best one of these epochs, whose score it has; whether its checkpoint has the
/// same tensors as `model`.
fn check(out: &Path, epochs: &[(f64, Vec<f32>)]) -> bool {
    let (best, wanted) =
        epochs.iter().fold(
            &epochs[0],
            |best, epoch| if epoch.0 > best.0 { epoch } else { best },
        );
    let model = best_model::<Net, f32, _>(out, &Cpu::default()).unwrap();
    assert_eq!(&logits(&model), wanted);
    assert_eq!(accuracy_of(&model), *best);
    let found = CheckpointStore::open(out.join("checkpoints"))
        .unwrap()
        .best()
        .unwrap()
        .unwrap();
    assert_eq!(found.score, Some(*best));
    let records = read_jsonl(out.join("metrics.jsonl")).unwrap();
    let recorded = records.iter().filter_map(|record| record.get("accuracy"));
    assert_eq!(recorded.fold(0.0, f64::max), *best);
    let own = module_state(&model).unwrap();
    found
        .load_with("model", |raw| Ok(raw.tensors == own.tensors))
        .unwrap()
}

#[test]
fn the_best_model_has_the_accuracy_of_its_record() {
    let dir = tempfile::tempdir().unwrap();
    for (name, ema) in [
        ("plain", ""),
        ("average", "ema = { decay = 0.8 }"),
        (
            "copy",
            "ema = { decay = 0.8, buffers = 'copy', warmup = true }",
        ),
    ] {
        let out = dir.path().join(name);
        let epochs = trained(&out, &format!("{BEST}{ema}"), Evaluates::Evaluated);
        // Else the best one could be any, or the last.
        let last = epochs.last().unwrap().0;
        assert!(
            epochs.iter().any(|epoch| epoch.0 > last),
            "{:?}",
            epochs.iter().map(|e| e.0).collect::<Vec<_>>()
        );
        assert_eq!(check(&out, &epochs), ema.is_empty());
    }
}

/// A loop that does not ask what to evaluate has the score of the weights themselves.
#[test]
fn a_score_of_the_weights_themselves_is_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let more = format!("{BEST}ema = {{ decay = 0.8 }}");
    let epochs = trained(&out, &more, Evaluates::Raw);
    assert!(check(&out, &epochs));
    // As has the training loss.
    let out = dir.path().join("loss");
    let on_loss = BEST
        .replace("'accuracy'", "'train_loss'")
        .replace("highest", "lowest");
    trained(
        &out,
        &format!("{on_loss}ema = {{ decay = 0.8 }}"),
        Evaluates::Evaluated,
    );
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    let best = store.best().unwrap().unwrap();
    let losses = read_jsonl(out.join("metrics.jsonl")).unwrap();
    let lowest = losses
        .iter()
        .filter_map(|record| record.get("train_loss"))
        .fold(f64::MAX, f64::min);
    assert_eq!((best.score, best.evaluated()), (Some(lowest), "model"));
}

#[test]
fn on_ranks_it_is_the_mean_that_was_evaluated() {
    for ema in ["", "ema = { decay = 0.8 }"] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let config = config(&out, &format!("{BEST}{ema}"));
        let ranks = Threads::run(2, |world| {
            let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
            let opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
            let mut opt = Averaged::new(opt, world.clone());
            let mut run = Run::start_on(&world, &config, &config, &mut model, &mut opt)?;
            let loader = DataLoader::new(images(96, 0)).unwrap();
            let loader = loader.shard(world.rank(), world.size()).unwrap();
            let epochs = train(
                &mut run,
                &mut model,
                &mut opt,
                &loader,
                Evaluates::Evaluated,
            );
            run.finish().map(|_| epochs)
        });
        assert_eq!(check(&out, &ranks.unwrap()[0]), ema.is_empty());
    }
}

/// Scores of another value, as after a resume with another configuration, are not compared.
#[test]
fn after_a_resume_the_best_is_of_what_is_watched_now() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let half = BEST.to_owned() + "ema = { decay = 0.8 }";
    let first = RefCell::new(config(&out, &half));
    first.borrow_mut().epochs = 2;
    let go_on = |config: &RunConfig| {
        let mut model = Cpu::seed_from_u64(1).build_module::<Net, f32>();
        let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
        let mut run = Run::start(config, config, &mut model, &mut opt).unwrap();
        let loader = DataLoader::new(images(96, 0)).unwrap();
        train(
            &mut run,
            &mut model,
            &mut opt,
            &loader,
            Evaluates::Evaluated,
        );
        run.finish().unwrap();
    };
    go_on(&first.borrow());
    let on_loss = half
        .replace("'accuracy'", "'train_loss'")
        .replace("highest", "lowest");
    let mut second = config(&out, &on_loss);
    second.epochs = 3;
    second.resume = true;
    go_on(&second);
    let best = CheckpointStore::open(out.join("checkpoints"))
        .unwrap()
        .best()
        .unwrap()
        .unwrap();
    assert_eq!(
        (best.step, best.scored.unwrap().on),
        (36, "train_loss".to_owned())
    );
}

#[test]
fn without_a_score_or_a_goal_it_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let dev = Cpu::default();
    let of = |out: &Path| match best_model::<Net, f32, _>(out, &Cpu::default()) {
        Ok(_) => panic!("there is none"),
        Err(error) => error,
    };
    let error = of(&dir.path().join("nothing"));
    assert!(matches!(
        error,
        CheckpointError::NoScore { checkpoints: 0, .. }
    ));
    assert!(
        error
            .to_string()
            .ends_with("nothing/checkpoints: has no checkpoint"),
        "{error}"
    );
    // A run whose configuration says not what is best.
    let out = dir.path().join("run");
    trained(&out, "checkpoints.keep = 2", Evaluates::Evaluated);
    let error = of(&out);
    assert!(matches!(
        error,
        CheckpointError::NoScore { checkpoints: 2, .. }
    ));
    let set = "`checkpoints.best = { on = \"accuracy\", goal = \"highest\" }`";
    assert!(error.to_string().contains(set), "{error}");
    // Scores by hand, as a store kept them before they said of what they are.
    let folder = dir.path().join("own/checkpoints");
    let store = CheckpointStore::open(&folder).unwrap();
    let model = dev.build_module::<Net, f32>();
    for (step, score) in [(1, 0.5), (2, 0.9), (3, 0.7)] {
        let checkpoint = Checkpoint::new(step).with_module("model", &model).unwrap();
        store.save(&checkpoint.score(score)).unwrap();
    }
    let error = of(&dir.path().join("own"));
    assert!(matches!(error, CheckpointError::NoGoal { .. }));
    assert!(
        error.to_string().contains("`keep_best(Best::Highest)`"),
        "{error}"
    );
    for (goal, step) in [(Best::Highest, 2), (Best::Lowest, 1)] {
        let store = CheckpointStore::open(&folder).unwrap().keep_best(goal);
        assert_eq!(store.best().unwrap().unwrap().step, step);
        let found = store.best_model::<Net, f32, _>(&dev).unwrap();
        assert_eq!(logits(&found), logits(&model));
    }
    // One that says so, and names a model that isn't there.
    let scored = Scored {
        on: "accuracy".into(),
        goal: Best::Lowest,
        model: "teacher".into(),
    };
    store
        .save(&Checkpoint::new(4).score(0.1).scored(scored))
        .unwrap();
    assert_eq!(store.best().unwrap().unwrap().step, 4);
    let error = of(&dir.path().join("own"));
    assert!(matches!(error, CheckpointError::Missing { name } if name == "teacher"));
    // Another network.
    drop(store);
    let error = best_model::<Linear<3, 3>, f32, _>(&dir.path().join("own"), &dev)
        .err()
        .unwrap();
    assert!(error.to_string().contains("`teacher`"), "{error}");
}

/// Checkpoints of an earlier version have no word on it: a running mean is what was evaluated.
#[test]
fn what_was_evaluated_is_told_by_the_parts_where_nothing_else_tells() {
    let model = Cpu::default().build_module::<Net, f32>();
    let plain = Checkpoint::new(1).with_module("model", &model).unwrap();
    assert_eq!(plain.evaluated(), "model");
    assert_eq!(plain.with_module("ema", &model).unwrap().evaluated(), "ema");
}
