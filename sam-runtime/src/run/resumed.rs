//! What is different in the configuration of a run that is resumed.

use std::{fs, path::Path};

use serde::Serialize;
use toml::{Table, Value};

use super::{ConfigError, Count, RunConfig};
use crate::schedule::Schedule;

/// Compares the whole configuration `now`, of which `run` is a part or all, with the one that the run has
/// left in the file `before`: a line for each key that is another. What a resume is for may change: `out`
/// (a moved folder), `resume`, and more `epochs`, unless a schedule counts the whole run.
///
/// # Errors
/// [`ConfigError::Form`] if `now` has no TOML form.
pub(super) fn differences(
    before: &Path,
    now: &impl Serialize,
    run: &RunConfig,
) -> Result<Vec<String>, ConfigError> {
    let now = Table::try_from(now)?;
    let jumps = jumps(run);
    let run = Table::try_from(run)?;
    // A process that was killed may have left none, or half of one.
    let before = fs::read_to_string(before).map_err(|error| error.to_string());
    let before = before.and_then(|text| {
        let table = toml::from_str::<Table>(&text);
        table.map_err(|error| error.message().to_owned())
    });
    Ok(match before {
        Ok(before) => {
            let run = place(&now, &run).unwrap_or_default();
            let mut lines = Vec::new();
            compare("", &before, &now, &run, &mut lines);
            let epochs = format!("{run}epochs");
            if let Some(change) = changed(&before, &now, &epochs).filter(|_| jumps) {
                lines.retain(|line| !line.starts_with(&format!("resumed with another {epochs}:")));
                lines.push(format!(
                    "{change}; with `schedules_count = \"permille\"` the learning rate and rho jump"
                ));
            }
            lines
        }
        Err(reason) => vec![format!(
            "resumed; whether with another configuration can't be told: no config.toml is left ({reason})"
        )],
    })
}

/// Whether a schedule has another value at the same step where the run is longer or shorter.
fn jumps(run: &RunConfig) -> bool {
    let moves = |schedule: &Schedule| !matches!(schedule, Schedule::Constant { .. });
    let some_moves = moves(&run.rho) || run.lr.as_ref().is_some_and(moves) || run.when.start > 0;
    run.schedules_count == Count::Permille && some_moves
}

/// What is to be said of the key `name`, if it is another.
fn changed(before: &Table, now: &Table, name: &str) -> Option<String> {
    let of = |table: &Table| {
        let (tables, key) = name.rsplit_once('.').unwrap_or(("", name));
        let tables = tables.split('.').filter(|table| !table.is_empty());
        let inner = tables.into_iter().try_fold(table, |table, name| {
            table.get(name).and_then(Value::as_table)
        });
        inner.and_then(|table| table.get(key).cloned())
    };
    let (old, new) = (of(before), of(now));
    (old != new).then(|| line(name, new.as_ref(), old.as_ref()))
}

fn line(name: &str, new: Option<&Value>, old: Option<&Value>) -> String {
    format!(
        "resumed with another {name}: {}, was {}",
        shown(new),
        shown(old)
    )
}

/// Where in `all` the table `run` is: a prefix of keys, such as `run.`.
fn place(all: &Table, run: &Table) -> Option<String> {
    // It may be flattened into others.
    if run.iter().all(|(key, value)| all.get(key) == Some(value)) {
        return Some(String::new());
    }
    all.iter().find_map(|(key, value)| {
        let rest = place(value.as_table()?, run)?;
        Some(format!("{key}.{rest}"))
    })
}

pub(super) fn compare(
    prefix: &str,
    before: &Table,
    now: &Table,
    run: &str,
    lines: &mut Vec<String>,
) {
    let gone = before.keys().filter(|key| !now.contains_key(*key));
    for key in now.keys().chain(gone) {
        let name = format!("{prefix}{key}");
        let (old, new) = (before.get(key), now.get(key));
        if old == new || (prefix == run && may_change(key, old, new)) {
            continue;
        }
        match (old, new) {
            (Some(Value::Table(old)), Some(Value::Table(new))) if comparable(old, new) => {
                compare(&format!("{name}."), old, new, run, lines);
            }
            _ => lines.push(line(&name, new, old)),
        }
    }
}

/// Whether a key of the run is another because it is resumed.
fn may_change(key: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_integer);
    match key {
        "out" | "resume" => true,
        "epochs" => number(new) >= number(old),
        _ => false,
    }
}

/// Whether two tables have their keys in common: those of one `kind`, constant schedules apart, which are
/// better shown as numbers.
fn comparable(old: &Table, new: &Table) -> bool {
    old.get("kind") == new.get("kind") && constant(old).is_none()
}

/// The number of a constant schedule.
fn constant(table: &Table) -> Option<&Value> {
    let is_constant = table.get("kind").and_then(Value::as_str) == Some("constant");
    table
        .get("value")
        .filter(|_| is_constant && table.len() == 2)
}

pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not set".to_owned(),
        Some(Value::Table(table)) => match constant(table) {
            Some(number) => number.to_string(),
            None => value.map(Value::to_string).unwrap_or_default(),
        },
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "out = 'runs/a'\nepochs = 3\nseed = 1\nrho = 0.1\nresume = false\n\
                       lr = { kind = 'cosine', max = 0.1, steps = 100 }\noptimizer.kind = 'sgd'";

    #[derive(Serialize)]
    struct Config {
        train_images: usize,
        run: RunConfig,
    }

    fn config(changes: &[&str]) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("run.toml");
        fs::write(&file, RUN).unwrap();
        Config {
            train_images: 100,
            run: crate::run::load_with(&file, changes).unwrap(),
        }
    }

    /// What is said about a run that was begun with `before` and goes on with `now`.
    fn said(before: &[&str], now: &Config) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        crate::run::save(&config(before), &file).unwrap();
        differences(&file, now, &now.run).unwrap()
    }

    #[test]
    fn what_a_resume_is_for_is_no_difference() {
        assert_eq!(said(&[], &config(&[])), [] as [&str; 0]);
        let changes = ["out=runs/b", "resume=true", "epochs=5"];
        assert_eq!(said(&[], &config(&changes)), [] as [&str; 0]);
        // Written in another way, it is the same.
        let same = ["rho={ kind = 'constant', value = 0.1 }", "minutes=5.0"];
        assert_eq!(said(&["minutes=5"], &config(&same)), [] as [&str; 0]);
    }

    #[test]
    fn more_epochs_are_told_where_a_schedule_counts_the_whole_run() {
        let said = |more: &[&str], epochs| {
            let changes: Vec<&str> = more.iter().copied().chain([epochs]).collect();
            said(more, &config(&changes))
        };
        let permille = "schedules_count=permille";
        for epochs in ["epochs=5", "epochs=2"] {
            assert_eq!(
                said(&[permille], epochs),
                [format!(
                    "resumed with another run.epochs: {}, was 3; with `schedules_count = \"permille\"` the \
                     learning rate and rho jump",
                    &epochs[7..]
                )]
            );
        }
        let quiet = [] as [&str; 0];
        assert_eq!(said(&[permille, "lr=0.1"], "epochs=5"), quiet);
        assert_eq!(
            said(&[permille, "lr=0.1", "when.start=500"], "epochs=5").len(),
            1
        );
        assert_eq!(said(&["schedules_count=epochs"], "epochs=5"), quiet);
    }

    #[test]
    fn each_other_key_has_a_line() {
        let mut now = config(&["rho=0.05", "seed=2", "lr.max=0.2", "epochs=2"]);
        now.train_images = 50;
        assert_eq!(
            said(&[], &now),
            [
                "resumed with another run.epochs: 2, was 3",
                "resumed with another run.lr.max: 0.2, was 0.1",
                "resumed with another run.rho: 0.05, was 0.1",
                "resumed with another run.seed: 2, was 1",
                "resumed with another train_images: 50, was 100",
            ]
        );
        // Keys that are only in one.
        let now = config(&["minutes=5", "lr=0.1"]);
        assert_eq!(
            said(&["ema.decay=0.5"], &now),
            [
                "resumed with another run.lr: 0.1, was { kind = \"cosine\", max = 0.1, min = 0.0, steps = 100 }",
                "resumed with another run.minutes: 5.0, was not set",
                "resumed with another run.ema: not set, was { buffers = \"average\", decay = 0.5, warmup = false }",
            ]
        );
        let now = config(&["method={ kind = 'gsam', alpha = 0.1 }", "on=norm"]);
        let gsam = "{ alpha = 0.1, kind = \"gsam\" }";
        assert_eq!(
            said(&[], &now),
            [
                format!("resumed with another run.method: {gsam}, was not set"),
                "resumed with another run.on: \"norm\", was not set".to_owned(),
            ]
        );
        assert_eq!(
            said(
                &["method.kind=gsam"],
                &config(&["method={ kind = 'gsam', alpha = 0.1 }"])
            ),
            ["resumed with another run.method.alpha: 0.1, was 0.4"]
        );
        // Where the run's part is all there is.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        crate::run::save(&config(&[]).run, &file).unwrap();
        let now = config(&["out=b", "rho=0.05"]).run;
        assert_eq!(
            differences(&file, &now, &now).unwrap(),
            ["resumed with another rho: 0.05, was 0.1"]
        );
    }

    #[test]
    fn without_the_file_it_says_that_it_does_not_know() {
        let dir = tempfile::tempdir().unwrap();
        let now = config(&[]);
        let missing = dir.path().join("config.toml");
        let half = dir.path().join("half.toml");
        fs::write(&half, "train_images = 100\n[run").unwrap();
        for file in [missing, half] {
            let lines = differences(&file, &now, &now.run).unwrap();
            assert_eq!(lines.len(), 1);
            assert!(lines[0].contains("can't be told"), "{lines:?}");
        }
    }
}
