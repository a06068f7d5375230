//! Runs whose steps climb as their configuration says: cut off after each of their steps, they end with the same
//! bits as one that was not, whatever the method keeps from step to step.

use std::{path::Path, process::Command};

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    optim::AnyOptimizer,
    prelude::*,
    run::{
        Run, RunConfig,
        checkpoint::{Checkpoint, CheckpointStore},
        metrics::{Record, read_jsonl},
    },
};

/// Runs with `changes`: what it prints, and what it says on standard error.
fn run(out: &Path, changes: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_method_run"));
    let output = command.arg(out).args(changes).output().unwrap();
    let [text, error] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    let status = output.status.code();
    assert!(matches!(status, Some(0 | 75)), "{status:?}: {error}");
    (text, error)
}

/// A step, and the checkpoint after it.
const A_STEP: &str = "minutes=1e-9";

/// Both records must be the same, but for the time.
fn same(a: &Path, b: &Path) {
    let values = |out: &Path| -> Vec<_> {
        let records = read_jsonl(out.join("metrics.jsonl")).unwrap();
        let values = |record: &Record| {
            let values = record
                .values()
                .map(|(name, value)| (name.to_owned(), value));
            let values = values.filter(|(name, _)| name != "samples_per_second");
            (record.step, values.collect::<Vec<_>>())
        };
        records.iter().map(values).collect()
    };
    assert_eq!(values(a), values(b));
}

#[test]
fn each_method_ends_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let mut ends = Vec::new();
    for method in [
        "kind = 'sam'",
        "kind = 'sam', steps = 2",
        "kind = 'asam'",
        "kind = 'gsam'",
        "kind = 'wsam'",
        "kind = 'fsam'",
        "kind = 'vasso'",
        "kind = 'esam'",
        "kind = 'looksam', k = 4",
        "kind = 'msam'",
        "kind = 'sampa', lr = 0.05",
    ] {
        let method = &format!("method={{ {method} }}");
        let [whole, pieces] =
            ["whole", "pieces"].map(|name| dir.path().join(name).join(ends.len().to_string()));
        let changes = &[method, "when={ start = 1, probability = 0.8 }"];
        let (expected, error) = run(&whole, changes);
        assert_eq!(error, "");
        for _ in 0..6 {
            let (end, error) = run(&pieces, &[changes[0], changes[1], A_STEP]);
            assert_ne!(end, expected, "{method}");
            assert_eq!(error, "");
        }
        assert_eq!(run(&pieces, changes).0, expected, "{method}");
        same(&whole, &pieces);
        ends.push(expected);
    }
    ends.sort();
    ends.dedup();
    assert_eq!(ends.len(), 11);
}

#[test]
fn another_method_begins_anew_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["method.kind='vasso'", "epochs=1"]);
    let (_, error) = run(dir.path(), &["method.kind='msam'", "epochs=2"]);
    assert_eq!(
        error,
        "resumed with another method: { kind = \"msam\", momentum = 0.9 }, was { kind = \"vasso\", theta = 0.9 }\n"
    );
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    let last = store.latest().unwrap().unwrap();
    let numbers = last.load_with("method", |state| Ok(state.numbers.clone()));
    let numbers = numbers.unwrap();
    assert_eq!(numbers["method"], "Msam");
    assert_eq!(
        (&numbers["steps"], &numbers["of_method"]),
        (&32.into(), &16.into())
    );
}

/// One of a version without methods: the steps so far are not known, and all else is.
#[test]
fn a_checkpoint_without_a_method_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &[A_STEP]);
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    let last = store.latest().unwrap().unwrap();
    assert!(last.has("method"));
    let mut old = Checkpoint::new(last.step);
    for name in ["model", "optimizer"] {
        let part = last.load_with(name, |state| Ok(state.clone())).unwrap();
        old = old.with_part(name, part);
    }
    for name in ["run", "rng"] {
        let value: serde_json::Value = last.value(name).unwrap();
        old = old.with_value(name, &value).unwrap();
    }
    store.save(&old).unwrap();
    drop(store);
    let (_, error) = run(dir.path(), &["minutes=60.0"]);
    assert_eq!(
        error,
        "resumed with another minutes: 60.0, was 0.000000001\n"
    );
}

#[test]
fn records_say_how_many_gradients_a_step_took() {
    let dir = tempfile::tempdir().unwrap();
    let gradients = |name: &str, changes: &[&str]| -> Vec<f64> {
        let out = dir.path().join(name);
        run(&out, changes);
        let records = read_jsonl(out.join("metrics.jsonl")).unwrap();
        records.iter().filter_map(|r| r.get("gradients")).collect()
    };
    assert!(gradients("sam", &[]).iter().all(|n| *n == 2.0));
    assert!(gradients("base", &["rho=0.0"]).iter().all(|n| *n == 1.0));
    let third = gradients("third", &["when.every=3"]);
    assert!(third.iter().all(|n| (n - 4.0 / 3.0).abs() < 1e-12));
    let late = gradients("late", &["when.start=30", "epochs=3"]);
    assert_eq!(late, [[1.0; 10].as_slice(), &[2.0; 6]].concat());
}

/// To the memory of steps, clones of a model are one model.
#[test]
fn a_second_run_from_the_same_weights_begins_anew() {
    let dev = Cpu::seed_from_u64(1);
    let initial = dev.build_module::<Linear<4, 2>, f32>();
    let batches: [Tensor<Rank2<8, 4>, f32, Cpu>; 6] = std::array::from_fn(|_| dev.sample_normal());
    let trained = || {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "out = {:?}\nepochs = 1\noptimizer.kind = 'sgd'\nmethod = {{ kind = 'vasso', theta = 0.2 }}\n\
             log.progress = false",
            dir.path()
        );
        let config: RunConfig = toml::from_str(&text).unwrap();
        let mut model = initial.clone();
        let mut opt = AnyOptimizer::new(&model, &config.optimizer).unwrap();
        let mut run = Run::start(&config, &config, &mut model, &mut opt).unwrap();
        let mut grads = model.alloc_grads();
        run.next_epoch(batches.len());
        for x in &batches {
            let sam = Sam::new(0.5).method(run.method());
            let step = sam.step(&mut model, x.clone(), grads, |model, x, grads| {
                model.forward_mut(x.traced(grads)).square().square().mean()
            });
            grads = step.unwrap();
            opt.update(&mut model, &grads).unwrap();
            model.zero_grads(&mut grads);
            run.step(&model, &opt).unwrap();
        }
        model.weight.array()
    };
    assert_eq!(trained(), trained());
}
