//! The crate to begin with, `examples/template`, as a user takes it: copied to an empty folder, its dependency led to this
//! checkout, built, run, and gone on with.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sam_runtime::{dfdx::prelude::*, predict::Predictor};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        // What a run in the folder itself has left there.
        if ["target", "runs", "Cargo.lock"]
            .iter()
            .any(|left| name == *left)
        {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(name)),
            false => drop(fs::copy(entry.path(), to.join(name)).unwrap()),
        }
    }
}

/// Builds and runs the copy. The target directory is the one of this test, and the profile that of the workspace, so that
/// dependencies are there already.
fn run(crate_: &Path, arguments: &[&str]) -> Output {
    let profile = [
        "profile.dev.opt-level=1",
        "profile.dev.debug='line-tables-only'",
        "profile.dev.lto='off'",
        "profile.dev.package.'*'.debug=false",
        "profile.dev.package.'*'.codegen-units=1",
        "profile.dev.package.sam-runtime.opt-level=1",
        "profile.dev.package.sam-runtime.codegen-units=256",
    ];
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--offline"]);
    cargo.args(profile.iter().flat_map(|setting| ["--config", setting]));
    cargo.arg("--").args(arguments);
    cargo.env("CARGO_TARGET_DIR", target).current_dir(crate_);
    cargo.output().unwrap()
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[test]
fn the_template_builds_runs_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let template = dir.path().join("my-training");
    copy(&root().join("examples/template"), &template);
    // The versions that this workspace is tested with.
    fs::copy(root().join("Cargo.lock"), template.join("Cargo.lock")).unwrap();
    let manifest = template.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let path = "path = \"../../sam-runtime\"";
    assert_eq!(text.matches(path).count(), 1, "{text}");
    let here = format!(
        "path = {:?}",
        root().join("sam-runtime").display().to_string()
    );
    fs::write(&manifest, text.replace(path, &here)).unwrap();

    // As its README has it: one batch of everything, then a short run.
    let short = ["images=640", "run.epochs=3"];
    let output = run(&template, &["run.dry_run=true", short[0]]);
    let [said, told] = texts(&output);
    assert!(output.status.success(), "{told}");
    assert!(said.starts_with("the dry run is done"), "{said}");

    let output = run(&template, &short);
    let [said, told] = texts(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        said.starts_with("all epochs are done\naccuracy on test data: "),
        "{said}"
    );
    let accuracy: f64 = said
        .split_whitespace()
        .rev()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(accuracy > 20.0, "ten classes: {said}");

    // Nothing is lost by starting it again, and `resume` goes on.
    let output = run(&template, &short);
    let [_, told] = texts(&output);
    assert!(
        !output.status.success() && told.contains("resume"),
        "{told}"
    );
    let output = run(
        &template,
        &["images=640", "run.epochs=5", "run.resume=true"],
    );
    let [said, told] = texts(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("epoch 4/5") && !told.contains("epoch 3/5"),
        "{told}"
    );
    assert!(said.starts_with("all epochs are done"), "{said}");
    assert!(template.join("runs/first/metrics.csv").exists());
    type Net = (
        (Linear<784, 128>, ReLU),
        (Linear<128, 64>, ReLU),
        Linear<64, 10>,
    );
    let file = template.join("runs/first/model.safetensors");
    let predictor = Predictor::<Net>::open(file, &Cpu::default()).unwrap();
    assert_eq!(predictor.description().class_names()[9], "9");
}
