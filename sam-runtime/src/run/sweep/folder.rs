//! What lies in a sweep's folder: a folder for each trial, with its configuration and, once it is done, what it has come to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{Outcome, SweepError, Trial, trials::run_table};
use crate::{
    files::{make_folder, replace},
    run::{built::to_table, number::Number, resumed::compare},
};

/// The folder with the trials' folders.
pub(super) const TRIALS: &str = "trials";
/// A trial's configuration, and what it has come to.
const TRIAL: &str = "trial.toml";
const RESULT: &str = "result.json";

/// Letters of a folder's name at most, without its checksum.
const LONG: usize = 100;

/// What may be another where a trial is gone on with: none of it changes what comes out.
const FREE: [&str; 5] = ["out", "resume", "minutes", "log", "dry_run"];

/// No table whose keys a resume may change: [`free`] has taken them out.
const NOWHERE: &str = "\0";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    values: Vec<(String, Number)>,
}

/// A name that says what is tried, and that all file systems take. Where it can't say all, it has a checksum of what it says.
pub(super) fn folder_name(settings: &[(String, String)], seed: Option<u64>) -> String {
    let seed = seed.map(|seed| ("seed".to_owned(), seed.to_string()));
    let parts = settings.iter().chain(&seed);
    let whole: Vec<String> = parts.map(|(key, label)| format!("{key}={label}")).collect();
    let whole = match whole.is_empty() {
        true => "only".to_owned(),
        false => whole.join(","),
    };
    // Two that differ in the case of letters are one on some file systems.
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "=,._-".contains(c);
    let name: String = whole
        .chars()
        .map(|c| {
            if c.is_ascii_uppercase() || is_plain(c) {
                c
            } else {
                '-'
            }
        })
        .take(LONG)
        .collect();
    match whole.chars().all(is_plain) && name.len() == whole.len() && !name.ends_with('.') {
        true => name,
        false => format!("{name}~{:08x}", crc32fast::hash(whole.as_bytes())),
    }
}

/// What a trial that is done has come to; `None` of one that isn't.
///
/// # Errors
/// [`SweepError::Changed`], [`SweepError::Result`], [`SweepError::File`].
pub(super) fn done<C: Serialize>(trial: &Trial<C>) -> Result<Option<Outcome>, SweepError> {
    let Some(before) = read(&trial.out.join(TRIAL))? else {
        return Ok(None);
    };
    // One that is damaged says nothing about the trial, which is begun by its name.
    if let Ok(before) = toml::from_str::<Table>(&before) {
        check(trial, before)?;
    }
    let path = trial.out.join(RESULT);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    let written: Written = serde_json::from_str(&text).map_err(|reason| SweepError::Result {
        path,
        reason: format!("it is not what a trial writes at its end ({reason})"),
    })?;
    let values = written.values.into_iter();
    Ok(Some(Outcome {
        stop: None,
        values: values.map(|(name, value)| (name, value.0)).collect(),
    }))
}

/// Whether the trial is what it was.
fn check<C: Serialize>(trial: &Trial<C>, before: Table) -> Result<(), SweepError> {
    let now = table_of(trial)?;
    let mut lines = Vec::new();
    compare("", &free(before), &free(now), NOWHERE, &mut lines);
    for line in &mut lines {
        *line = line.trim_start_matches("resumed with another ").to_owned();
    }
    match lines.is_empty() {
        true => Ok(()),
        false => Err(SweepError::Changed {
            path: trial.out.clone(),
            lines,
        }),
    }
}

/// Without what may change.
fn free(mut all: Table) -> Table {
    let Some(run) = run_table(&all) else {
        return all;
    };
    let names = run.split('.').filter(|name| !name.is_empty());
    let table = names.into_iter().try_fold(&mut all, |table, name| {
        table.get_mut(name).and_then(Value::as_table_mut)
    });
    if let Some(table) = table {
        table.retain(|key, _| FREE.iter().all(|free| key != *free));
    }
    all
}

/// Notes that a trial begins.
pub(super) fn begin<C: Serialize>(trial: &Trial<C>) -> Result<(), SweepError> {
    make_folder(&trial.out).map_err(failed(&trial.out, "make"))?;
    let text = table_of(trial)?.to_string();
    write(&trial.out.join(TRIAL), &text)
}

/// Notes what a trial has come to.
pub(super) fn end<C>(trial: &Trial<C>, outcome: &Outcome) -> Result<(), SweepError> {
    let values = outcome.values.iter();
    let written = Written {
        values: values.map(|(n, v)| (n.clone(), Number(*v))).collect(),
    };
    let path = trial.out.join(RESULT);
    let text = serde_json::to_string(&written).map_err(|reason| SweepError::Result {
        path: path.clone(),
        reason: reason.to_string(),
    })?;
    write(&path, &text)
}

fn table_of<C: Serialize>(trial: &Trial<C>) -> Result<Table, SweepError> {
    to_table(&trial.config).map_err(|reason| SweepError::Trial {
        trial: trial.name.clone(),
        reason,
    })
}

/// Folders of trials that are done and no longer in the sweep.
pub(super) fn others<C>(out: &Path, trials: &[Trial<C>]) -> Result<Vec<PathBuf>, SweepError> {
    let dir = out.join(TRIALS);
    let mut others = Vec::new();
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(others),
        Err(error) => return Err(failed(&dir, "read")(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed(&dir, "read"))?.path();
        if path.join(RESULT).exists() && trials.iter().all(|trial| trial.out != path) {
            others.push(path);
        }
    }
    others.sort();
    Ok(others)
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), SweepError> {
    replace(path, text.as_bytes()).map_err(failed(path, "write"))
}

/// A file's text, if the file is there.
fn read(path: &Path) -> Result<Option<String>, SweepError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "read")(error)),
    }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> SweepError {
    let path = path.to_owned();
    move |reason| SweepError::File {
        path,
        action,
        reason,
    }
}
