//! A run that is killed at any moment and resumed ends with the same bits as one that was not, and with
//! the same records; resumed otherwise, it says what is different.
//!
//! `SAM_TRAIN_KILLS=500 cargo test --release -p sam-tests --test resume bits` kills oftener than 20 times.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use sam_runtime::run::{
    checkpoint::CheckpointStore,
    metrics::{Record, read_jsonl},
};

fn start(out: &Path, optimizer: &str) -> Child {
    spawn(env!("CARGO_BIN_EXE_small_run"), out, optimizer)
}

fn spawn(program: &str, out: &Path, optimizer: &str) -> Child {
    let mut command = Command::new(program);
    command.arg(out).arg(optimizer);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The checksum that a run ends with.
fn end(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap_or_default().to_owned()
}

/// What must not depend on how often the run was killed: all but the time.
fn records(out: &Path) -> Vec<Record> {
    let records = read_jsonl(out.join("metrics.jsonl")).unwrap();
    let timeless = |record: Record| {
        let mut same = Record::new(record.step, record.epoch, record.split.clone());
        for (name, value) in record.values() {
            if name != "samples_per_second" {
                same.set(name.to_owned(), value);
            }
        }
        same
    };
    records.into_iter().map(timeless).collect()
}

/// Runs and kills until the run comes to its end; how often it was killed.
fn in_pieces(start: impl Fn() -> Child, whole: Duration, before: usize) -> (String, usize) {
    for kills in 0..400 {
        // Moments all over the run, from before its first checkpoint on. A piece that is too short for the
        // next checkpoint brings nothing, so pieces get longer.
        let moment = ((before + kills) as f64 * 0.618).fract();
        let piece = whole.mul_f64(0.05 + 0.4 * moment + 0.01 * kills as f64);
        let mut child = start();
        let begin = Instant::now();
        while begin.elapsed() < piece {
            if child.try_wait().unwrap().is_some() {
                return (end(child), kills);
            }
            sleep(Duration::from_micros(300));
        }
        // SIGKILL on Unix: nothing of the process runs any more.
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            let text = String::from_utf8(output.stdout).unwrap();
            return (text.trim().to_owned(), kills);
        }
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code().is_none(),
            "it failed by itself: {error}"
        );
    }
    panic!("the run never came to its end");
}

fn check(start: impl Fn(&Path) -> Child) {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    // Twice: the first time the program comes from the disk.
    end(start(&dir.path().join("warm")));
    let begin = Instant::now();
    let expected = end(start(&whole));
    let took = begin.elapsed();
    // How often a run can be killed depends on the machine's mood; so, several runs.
    let wanted = std::env::var("SAM_TRAIN_KILLS").map_or(20, |n| n.parse().unwrap());
    let mut kills = 0;
    for trial in 0..50 + wanted {
        let pieces = dir.path().join(format!("pieces-{trial}"));
        let (found, times) = in_pieces(|| start(&pieces), took, kills);
        assert_eq!(found, expected, "after {times} kills");
        assert_eq!(records(&pieces), records(&whole));
        // Nothing is left of what was half-written. One killed between a checkpoint and the removal of the
        // oldest one has one more.
        let dir = pieces.join("checkpoints");
        let steps = CheckpointStore::open(&dir).unwrap().steps().unwrap();
        assert!((2..=4).contains(&steps.len()), "{steps:?}");
        // Two files for each, and the one that is locked.
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2 * steps.len() + 1);
        kills += times;
        if kills >= wanted {
            return;
        }
    }
    panic!("killed only {kills} times");
}

#[test]
fn sgd_ends_with_the_same_bits() {
    check(|out| start(out, "sgd"));
}

#[test]
fn adamw_ends_with_the_same_bits() {
    check(|out| start(out, "adamw"));
}

/// Dropout and inputs from the generator of the model's device, which no loader has seeded.
#[test]
fn what_is_drawn_from_the_device_goes_on_with_the_same_bits() {
    check(|out| spawn(env!("CARGO_BIN_EXE_drawing_run"), out, "adam"));
}

/// What a method keeps from step to step is in the checkpoint.
#[test]
fn looksam_and_its_resting_steps_end_with_the_same_bits() {
    check(|out| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_method_run"));
        command
            .arg(out)
            .args(["method={ kind = 'looksam', k = 3 }", "when.start=20"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
}

/// A checkpoint at an extra moment, as of Ctrl-C, changes nothing of what follows.
#[test]
fn a_run_that_stops_after_each_step_draws_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run = |out: &Path, stops: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drawing_run"));
        let output = command.arg(out).arg("adam").args(stops).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = run(&dir.path().join("whole"), &[]);
    let pieces = dir.path().join("pieces");
    for _ in 0..7 {
        assert_ne!(run(&pieces, &["stop"]), whole);
    }
    assert_eq!(run(&pieces, &[]), whole);
    let [whole, pieces] = ["whole", "pieces"].map(|name| records(&dir.path().join(name)));
    assert_eq!(whole, pieces);
}

/// One of a version that did not keep the state of the generator.
#[test]
fn a_checkpoint_without_a_generator_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_drawing_run");
    let whole = end(spawn(program, dir.path(), "adam"));
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    let path = store.path(*store.steps().unwrap().last().unwrap());
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let values = json["values"].as_object_mut().unwrap();
    assert!(values.remove("rng").is_some());
    let old = r#"{"passes": 96, "salt": 7, "draws": true, "from_device": true}"#;
    values.insert("sam".into(), serde_json::from_str(old).unwrap());
    let run = values["run"].as_object_mut().unwrap();
    for new in ["batches", "data", "watched"] {
        assert!(run.remove(new).is_some());
    }
    let json_of_then = json.as_object_mut().unwrap();
    json_of_then.remove("crc32");
    json_of_then.insert("version".into(), 1.into());
    fs::write(&path, json.to_string()).unwrap();
    // The weights are those of the end; the device draws as at its beginning.
    assert_ne!(end(spawn(program, dir.path(), "adam")), whole);
}

/// Files of version 1, which had no checksum of the JSON and said less of a run.
#[test]
fn a_checkpoint_of_an_earlier_version_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = dir.path().join("checkpoints");
    fs::create_dir(&checkpoints).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/checkpoint_v1");
    for entry in fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), checkpoints.join(entry.file_name())).unwrap();
    }
    let store = CheckpointStore::open(&checkpoints).unwrap();
    let old = store.latest().unwrap().unwrap();
    assert_eq!(old.step, 5);
    let position: serde_json::Value = old.value("run").unwrap();
    assert_eq!(
        position["position"],
        serde_json::json!({ "epoch": 0, "batch": 5 })
    );
    let (status, said) = tried(dir.path(), &[A_STEP]);
    assert_eq!(status, Some(75), "{said}");
    assert_eq!(store.latest().unwrap().unwrap().step, 6);
    assert_eq!(end(start(dir.path(), "sgd")).len(), 16);
    assert_eq!(store.latest().unwrap().unwrap().step, 64);
}

#[test]
fn a_run_does_not_begin_in_the_folder_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let first = end(start(&out, "sgd"));
    // Its own, once more: all is done already.
    assert_eq!(end(start(&out, "sgd")), first);
    // With another optimizer, it says what does not fit.
    let output = start(&out, "adamw").wait_with_output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("optimizer") && error.contains("sgd") && error.contains("adamw"),
        "{error}"
    );
}

#[test]
fn a_resumed_run_says_what_is_different() {
    let dir = tempfile::tempdir().unwrap();
    let said = |changes: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
        let output = command.arg(dir.path()).arg("sgd").args(changes).output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{error}");
        error
    };
    assert_eq!(said(&[]), "");
    assert_eq!(said(&[]), "");
    assert_eq!(said(&["epochs=5"]), "");
    assert_eq!(
        said(&["epochs=5", "rho=0.1", "seed=6"]),
        "resumed with another rho: 0.1, was { from = 0.02, kind = \"linear\", steps = 60, to = 0.2 }\n\
         resumed with another seed: 6, was 5\n"
    );
    // That is its configuration from now on.
    assert_eq!(said(&["epochs=5", "rho=0.1", "seed=6"]), "");
}

/// Runs with `changes`: its exit status, and what it says on standard error.
fn tried(out: &Path, changes: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
    let output = command.arg(out).arg("sgd").args(changes).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), error)
}

/// A step, so that the run is in the middle of an epoch.
const A_STEP: &str = "minutes=1e-9";

/// What is only in the program: it has no line in `config.toml`.
#[test]
fn a_run_that_goes_on_with_other_batches_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let with = |changes: &[&str]| {
        let out = dir.path().join(changes.concat());
        assert_eq!(tried(&out, &[A_STEP]), (Some(75), String::new()));
        let changes: Vec<&str> = [A_STEP].iter().chain(changes).copied().collect();
        let (status, said) = tried(&out, &changes);
        assert_eq!(status, Some(75), "{said}");
        // That is how it is from now on.
        assert_eq!(tried(&out, &changes), (Some(75), String::new()));
        said
    };
    assert_eq!(with(&[]), "");
    assert_eq!(
        with(&["images=251"]),
        "resumed with another number of samples: 251, was 250\n"
    );
    assert_eq!(
        with(&["data_seed=2"]),
        "resumed with other data: the first samples are not what they were\n"
    );
    assert_eq!(
        with(&["mixup_percent=80"]),
        "resumed with another augmentation: it makes something else of the same samples\n"
    );
    assert_eq!(
        with(&["seed=6"]),
        "resumed with another seed: 6, was 5\nresumed with another seed of the loader: 6, was 5\n"
    );
}

#[test]
fn a_position_that_means_nothing_any_more_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for _ in 0..3 {
        tried(&out, &[A_STEP]);
    }
    let refused = |changes: &[&str], was: &str, is: &str| {
        let (status, said) = tried(&out, changes);
        assert_eq!(status, Some(1), "{said}");
        let error = format!(
            "Error: resumed after batch 3 of epoch 1, whose batches were {was}; now they are {is}, and that is \
             no place among them: go on with those that they were, with `epochs = 1` up to the epoch's end, \
             and change them then; or begin another run"
        );
        assert_eq!(said.lines().last(), Some(&*error));
    };
    refused(&["batch=8"], "16 in an epoch", "32 in an epoch");
    // As many of another size.
    refused(&["batch=8", "images=124"], "of 16 samples", "of 8 samples");
    // To the letter: up to the epoch's end, and then with the change.
    let (status, said) = tried(&out, &["epochs=1"]);
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = tried(&out, &["batch=8"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("resumed with another number of batches in an epoch: 32, was 16\n")
            && said.contains("resumed with another batch size: 8, was 16\n"),
        "{said}"
    );
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap().last(), Some(&(16 + 3 * 32)));
}

/// Where only the evaluation is missing, the batches may be others: none of them is left.
#[test]
fn an_evaluation_alone_goes_on_with_other_batches() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..16 {
        assert_eq!(tried(dir.path(), &[A_STEP]).0, Some(75));
    }
    assert_eq!(records(dir.path()).last().unwrap().split, "train");
    let (status, said) = tried(dir.path(), &["batch=8", "epochs=2"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("resumed with another batch size: 8, was 16\n"),
        "{said}"
    );
    let store = CheckpointStore::open(dir.path().join("checkpoints")).unwrap();
    assert_eq!(store.steps().unwrap().last(), Some(&(16 + 32)));
}

/// A second start by mistake, and a script that looks at the checkpoints all the time.
#[test]
fn a_run_is_left_alone_by_readers_and_by_a_second_start() {
    let dir = tempfile::tempdir().unwrap();
    let expected = end(start(&dir.path().join("whole"), "sgd"));
    let out = dir.path().join("run");
    let first = spawn_with(&out, &["evaluation=300"]);
    let config = out.join("config.toml");
    wait_for(|| fs::read(&config).is_ok_and(|text| !text.is_empty()));
    let written = fs::read(&config).unwrap();
    let (status, said) = tried(&out, &["rho=0.3"]);
    assert_eq!(status, Some(1));
    assert!(
        said.contains("another run writes it; wait for its end"),
        "{said}"
    );
    assert_eq!(fs::read(&config).unwrap(), written);
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    let mut last = 0;
    while last < 64 {
        if let Some(latest) = store.latest().unwrap() {
            assert!(latest.step >= last);
            last = latest.step;
        }
    }
    assert_eq!(end(first), expected);
    assert_eq!(records(&out), records(&dir.path().join("whole")));
}

fn spawn_with(out: &Path, changes: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
    command.arg(out).arg("sgd").args(changes);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn wait_for(is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing comes");
        sleep(Duration::from_millis(2));
    }
}

/// Killed in its evaluation, a run has its epoch: what the evaluation found is found again.
#[test]
fn a_run_that_is_killed_in_its_evaluation_has_the_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let expected = end(start(&whole, "sgd"));
    let pieces = dir.path().join("pieces");
    for epoch in 1..=4 {
        let mut child = spawn_with(&pieces, &["evaluation=60000"]);
        let store = CheckpointStore::open(pieces.join("checkpoints")).unwrap();
        wait_for(|| store.steps().unwrap().last() == Some(&(16 * epoch)));
        // It is written to the end.
        wait_for(|| store.latest().is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        if epoch == 4 {
            break;
        }
        // To the evaluation's end: the next epoch has a step.
        let child = tried(&pieces, &[A_STEP]);
        assert_eq!(child.0, Some(75), "{}", child.1);
    }
    assert_eq!(end(start(&pieces, "sgd")), expected);
    assert_eq!(records(&pieces), records(&whole));
}

/// `program 2>&1 | head -1`: nobody reads what it says at its start and at its end.
#[test]
fn a_log_that_nobody_reads_is_no_reason_to_end() {
    let dir = tempfile::tempdir().unwrap();
    for changes in [&["epochs=1"][..], &["rho=0.1"], &["rho=0.2", "epochs=4"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
        command
            .arg(dir.path())
            .args(["sgd", "log={ progress = true }"]);
        command
            .args(changes)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stderr.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{changes:?}: {:?}", output.status);
        assert!(!output.stdout.is_empty());
    }
}

/// Of each line, what doesn't depend on the clock: what stands before ` in `, and the folder.
#[test]
fn progress_says_where_an_epoch_was_resumed_and_where_all_is() {
    let dir = tempfile::tempdir().unwrap();
    let said = |changes: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
        command
            .arg(dir.path())
            .args(["sgd", "log={ progress = true }"]);
        let output = command.args(changes).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        // What ends by its time limit is to be gone on with.
        let status = if changes.is_empty() { 0 } else { 75 };
        assert_eq!(output.status.code(), Some(status), "{error}");
        error
    };
    // It stops after each step.
    said(&["minutes=1e-9"]);
    said(&["minutes=1e-9"]);
    let lines = said(&[]);
    let starts: Vec<&str> = lines
        .lines()
        .map(|line| line.split_once(" in ").map_or(line, |(start, _)| start))
        .collect();
    assert_eq!(
        starts,
        [
            "resumed with another minutes: not set, was 0.000000001",
            "epoch 1/4, resumed after batch 2: 14 steps",
            "epoch 2/4: 16 steps",
            "epoch 3/4: 16 steps",
            "epoch 4/4: 16 steps",
            "checkpoints, metrics and configuration are",
        ]
    );
    let last = lines.lines().last().unwrap();
    assert!(last.ends_with(&dir.path().display().to_string()), "{last}");
    // All is done already: it says so by the folder alone.
    assert_eq!(said(&[]), format!("{last}\n"));
}

/// What Rust prints of an error that `main` returns.
#[test]
fn a_main_that_returns_an_error_prints_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    end(start(dir.path(), "sgd"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
    let output = command
        .arg(dir.path())
        .args(["sgd", "resume=false"])
        .output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    let out = dir.path().display();
    assert_eq!(
        error,
        format!(
            "Error: {out}: has the checkpoints of an earlier run; set `resume = true` to go on with it, or \
             choose another folder `out`\n"
        )
    );
}

/// As Ctrl-C sends it.
#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let begin = Instant::now();
    let expected = end(start(&whole, "sgd"));
    let took = begin.elapsed();
    let pieces = dir.path().join("pieces");
    for piece in 0..200 {
        let child = start(&pieces, "sgd");
        sleep(took.mul_f64(0.3 + 0.01 * f64::from(piece)));
        // Where the run has just ended there is nobody to interrupt.
        let signal = Command::new("kill")
            .arg("-INT")
            .arg(child.id().to_string())
            .status();
        assert!(signal.is_ok());
        // It ends well, with a checkpoint, whether it was done or not.
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            Some(0 | 130) => {}
            // Before it listened: killed as by any signal.
            None => continue,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
        let store = CheckpointStore::open(pieces.join("checkpoints")).unwrap();
        if store.steps().unwrap().last() == Some(&64) {
            let found = end(start(&pieces, "sgd"));
            assert_eq!(found, expected);
            assert_eq!(records(&pieces), records(&whole));
            return;
        }
    }
    panic!("the run never came to its end");
}
