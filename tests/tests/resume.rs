//! A run that is killed at any moment and resumed ends with the same bits as one that was not, and with
//! the same records.

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
    text.trim().to_owned()
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
    let mut kills = 0;
    for trial in 0..50 {
        let pieces = dir.path().join(format!("pieces-{trial}"));
        let (found, times) = in_pieces(|| start(&pieces), took, kills);
        assert_eq!(found, expected, "after {times} kills");
        assert_eq!(records(&pieces), records(&whole));
        // Nothing is left of what was half-written. One killed between a checkpoint and the removal of the
        // oldest one has one more.
        let dir = pieces.join("checkpoints");
        let steps = CheckpointStore::open(&dir).unwrap().steps().unwrap();
        assert!((2..=4).contains(&steps.len()), "{steps:?}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2 * steps.len());
        kills += times;
        if kills >= 20 {
            return;
        }
    }
    panic!("killed only {kills} times in 50 runs");
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
    fs::write(&path, json.to_string()).unwrap();
    // The weights are those of the end; the device draws as at its beginning.
    assert_ne!(end(spawn(program, dir.path(), "adam")), whole);
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
        assert!(output.status.success(), "{error}");
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
        if !output.status.success() {
            // Before it listened: killed as by any signal.
            assert!(output.status.code().is_none());
            continue;
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
