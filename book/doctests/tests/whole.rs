//! The tutorial's last stage runs, on data that this test makes.

use std::{fs, path::Path, process::Command};

use guide::program;

/// Files as those of CIFAR-10: the same picture again and again, with the labels in turn.
fn pictures(dir: &Path, file: &str, records: usize) {
    let bytes: Vec<u8> = (0..records)
        .flat_map(|i| {
            let picture = (0..3072_usize).map(|p| (p * 7 % 251) as u8);
            std::iter::once((i % 10) as u8).chain(picture)
        })
        .collect();
    fs::write(dir.join(file), bytes).unwrap();
}

fn whole(data: &Path, out: &Path, changes: &[&str]) -> Command {
    let mut program = program::example("guide", "whole", &[]);
    program.arg("book/tutorial/whole.toml").args(changes);
    program.arg(format!("data={:?}", data.display().to_string()));
    program.arg(format!("run.out={:?}", out.display().to_string()));
    program
}

/// Of the pictures, all alike, one in ten is right; of those that a dry run sees, too.
#[test]
fn a_dry_run_has_the_accuracy_of_what_it_saw() {
    let dir = tempfile::tempdir().unwrap();
    for batch in 1..=5 {
        pictures(dir.path(), &format!("data_batch_{batch}.bin"), 30);
    }
    // Three times what a dry run looks at.
    pictures(dir.path(), "test_batch.bin", 1500);
    let out = dir.path().join("run");
    let changes = ["run.dry_run=true", "train_images=150", "run.rho=0.05"];
    let output = whole(dir.path(), &out, &changes).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("accuracy 10.0 %"), "{said}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("the dry run is done"), "{said}");
    // A wrong schedule has its place, and what may stand there.
    let output = whole(dir.path(), &out, &["run.rho=small"]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        said.contains(
            "expected a number, or a table such as { kind = \"constant\", value = 0.05 }"
        ),
        "{said}"
    );
}

/// The weights that are saved are those whose accuracy is shown: the running mean's, where there is one.
#[test]
fn the_running_mean_of_the_weights_is_what_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    for batch in 1..=5 {
        pictures(dir.path(), &format!("data_batch_{batch}.bin"), 30);
    }
    pictures(dir.path(), "test_batch.bin", 10);
    let saved = |name: &str, changes: &[&str]| {
        let out = dir.path().join(name);
        let changes = [&["run.epochs=1", "train_images=150"], changes].concat();
        let output = whole(dir.path(), &out, &changes).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        fs::read(out.join("weights.safetensors")).unwrap()
    };
    let plain = saved("plain", &[]);
    // A mean that forgets all but the last weights, and one that keeps the first.
    assert!(plain == saved("last", &["run.ema.decay=0.0"]));
    assert!(plain != saved("mean", &["run.ema.decay=0.999"]));
}
