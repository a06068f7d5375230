//! Blocks of TOML are what the programs take: configurations are read by the type that reads them.

use std::fs;

use guide::page::{pages, root};
use sam_runtime::{optim::OptimizerConfig, run::RunConfig, schedule::Schedule};
use toml::{Table, Value};

/// The configuration that a block changes: that of the example `cifar10`.
fn base() -> Table {
    let text = fs::read_to_string(root().join("examples/cifar10.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// Puts the values of `changes` into `table`. One with a `kind` replaces the whole.
fn merge(table: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if !new.contains_key("kind") => {
                merge(old, new);
            }
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

fn run_config(table: Table) -> Result<(), String> {
    let config: Result<RunConfig, _> = Value::Table(table).try_into();
    config.map(drop).map_err(|error| error.to_string())
}

/// What a block is, and whether its type reads it.
fn check(text: &str) -> Result<(), String> {
    let table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let has = |key: &str| table.contains_key(key);
    if has("dependencies") {
        let features = |value: &Value| value.get("features").cloned();
        let Some(ours) = table["dependencies"].get("sam-runtime") else {
            return Err("it does not depend on sam-runtime".into());
        };
        return known_features(features(ours));
    }
    if has("kind") {
        // A schedule or an optimizer, alone.
        let schedule: Result<Schedule, _> = toml::from_str(text);
        let optimizer: Result<OptimizerConfig, _> = toml::from_str(text);
        return match (schedule, optimizer) {
            (Err(schedule), Err(optimizer)) => Err(format!(
                "no schedule ({schedule}), no optimizer ({optimizer})"
            )),
            _ => Ok(()),
        };
    }
    if has("out") {
        return run_config(table);
    }
    let mut config = base();
    if let Some(unknown) = table.keys().find(|key| !config.contains_key(*key)) {
        return Err(format!("`{unknown}` is no key of cifar10.toml"));
    }
    for (key, value) in &table {
        if !config[key].same_type(value) {
            return Err(format!("`{key}` is another type in cifar10.toml"));
        }
    }
    merge(&mut config, table);
    match config.remove("run") {
        Some(Value::Table(run)) => run_config(run),
        _ => Err("`run` is no table".into()),
    }
}

fn known_features(features: Option<Value>) -> Result<(), String> {
    let manifest = fs::read_to_string(root().join("sam-runtime/Cargo.toml")).unwrap();
    let manifest: Table = toml::from_str(&manifest).unwrap();
    let features = features.and_then(|features| features.as_array().cloned());
    for feature in features.unwrap_or_default() {
        let name = feature.as_str().unwrap_or_default();
        if manifest["features"].get(name).is_none() {
            return Err(format!("sam-runtime has no feature {feature}"));
        }
    }
    Ok(())
}

#[test]
fn every_block_is_read_by_its_type() {
    let mut wrong = Vec::new();
    let mut found = 0;
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.tag == "toml") {
            found += 1;
            if let Err(problem) = check(&block.text) {
                wrong.push(format!("{}:{}: {problem}", page.name(), block.line));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(found > 5, "{found} blocks");
}

#[test]
fn the_tutorials_file_is_read() {
    let text = fs::read_to_string(root().join("book/tutorial/whole.toml")).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    run_config(table["run"].as_table().unwrap().clone()).unwrap();
}

#[test]
fn what_is_wrong_is_found() {
    for (text, problem) in [
        ("run.epochs = 0", "at least"),
        ("run.epoch = 3", "unknown field"),
        ("modle = 'x'", "`modle`"),
        ("workers = 'x'", "another type"),
        ("kind = 'cosinus'", "no schedule"),
        ("out = 'x'", "missing field"),
        (
            "[dependencies]\nsam-runtime = { path = '.', features = ['plots'] }",
            "no feature",
        ),
        ("a = ", "line 1"),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.contains(problem), "{text}: {error}");
    }
}
