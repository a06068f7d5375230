//! Runs the programs of a crate, in a process that may die.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::compare::Lines;

/// The lines of each version, by its name.
pub(crate) fn all(binaries: Vec<PathBuf>) -> HashMap<String, Lines> {
    let mut results = HashMap::new();
    for binary in binaries {
        let mut first = 0;
        while let Some(died_at) = run_from(&binary, first, &mut results) {
            first = died_at + 1;
        }
    }
    results
}

/// Runs from the entry `first`. The index of the entry in which the process died, if it did.
fn run_from(binary: &Path, first: usize, results: &mut HashMap<String, Lines>) -> Option<usize> {
    let mut child = Command::new(binary)
        .arg(first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let out = BufReader::new(child.stdout.take().expect("a piped output"));
    let (mut at, mut begun, mut is_done) = (first, None, false);
    for line in out.lines().map_while(Result::ok) {
        if line == "done" {
            is_done = true;
        } else if let Some(name) = line.strip_prefix("begin ") {
            begun = Some(name.to_owned());
        } else if let Some(name) = begun.take() {
            let lines = serde_json::from_str(&line).expect("a program's lines");
            results.insert(name, lines);
            at += 1;
        }
    }
    child.wait().expect("the process ends");
    if is_done {
        return None;
    }
    let name = begun.unwrap_or_else(|| panic!("{} ended between programs", binary.display()));
    results.insert(name, vec!["the process died".to_owned()]);
    Some(at)
}
