//! Configuration files, with changes from the command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use crate::files;

/// Why a configuration could not be read or written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read or written.
    #[error("{}", files::failure(.path, .action, .reason))]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// The file is no TOML, or not what the program takes. The reason has line and column.
    #[error("{}: {}", .path.display(), short(&.reason.to_string()))]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: Box<toml::de::Error>,
    },
    /// A change from the command line is none.
    #[error("`{}`: {problem}; a change is `key=value`, as in `run.epochs=3`", short(.change))]
    Change {
        /// The change.
        change: String,
        /// What is wrong with it.
        problem: String,
    },
    /// With the changes, the configuration is not what the program takes.
    #[error(
        "{} with {}: {}",
        .path.display(), short(&.changes.join(" ")), short(&.reason.to_string())
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The changes.
        changes: Vec<String>,
        /// What is wrong.
        reason: Box<toml::de::Error>,
    },
    /// A value of a configuration that was made in Rust, and stands in no file, is not allowed. The reason names the key.
    #[error("the configuration: {}", short(.reason.to_string().trim_end()))]
    Value {
        /// What is wrong.
        reason: Box<toml::de::Error>,
    },
    /// A configuration has no TOML form.
    #[error("a configuration can't be written as TOML: {0}")]
    Form(#[from] toml::ser::Error),
}

crate::debug::debug_as_display!(ConfigError);

/// Letters of a line that are shown.
const WIDTH: usize = 200;

/// The text of an error, its long lines cut: a file may well be one line of megabytes. What TOML's errors
/// point at with `^` stays in sight.
fn short(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.iter().all(|line| line.chars().count() <= WIDTH) {
        return text.to_owned();
    }
    let arrow = |line: &&&str| {
        line.starts_with(' ') && line.trim_start_matches([' ', '|']).starts_with('^')
    };
    let at = lines.iter().find(arrow);
    let at = at.and_then(|line| line.chars().position(|c| c == '^'));
    let arrow_at = lines.iter().position(|line| arrow(&line));
    let cut = |(i, line): (usize, &&str)| {
        // The arrow, and the line above, which it points into.
        let is_shown = arrow_at.is_some_and(|arrow| i == arrow || i + 1 == arrow);
        let from = at
            .filter(|_| is_shown)
            .map_or(0, |at| at.saturating_sub(WIDTH / 2));
        let shown: String = line.chars().skip(from).take(WIDTH).collect();
        let (before, after) = (from > 0, line.chars().count() > from + WIDTH);
        let dots = |is_cut: bool| if is_cut { "…" } else { "" };
        format!("{}{shown}{}", dots(before), dots(after))
    };
    lines
        .iter()
        .enumerate()
        .map(cut)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Tables that a key of a change may lead through.
const DEPTH: usize = 64;

/// Reads a configuration from a TOML file.
///
/// ```
/// use sam_runtime::run::{RunConfig, load};
///
/// # let dir = tempfile::tempdir()?;
/// # let file = dir.path().join("run.toml");
/// std::fs::write(&file, "out = 'runs/own'\nepochs = 30\noptimizer.kind = 'sgd'")?;
/// let config: RunConfig = load(&file)?;
/// assert_eq!(config.epochs, 30);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`ConfigError`].
pub fn load<C: DeserializeOwned>(path: impl AsRef<Path>) -> Result<C, ConfigError> {
    load_with(path, &[] as &[&str])
}

/// [`load`] with changes from the command line, each `key=value`: a key with dots leads into tables, a value is
/// TOML's, or a text without quotes.
///
/// ```
/// use sam_runtime::run::load_with;
///
/// #[derive(serde::Deserialize)]
/// struct Config { epochs: usize, optimizer: Optimizer }
/// #[derive(serde::Deserialize)]
/// struct Optimizer { kind: String }
///
/// # let dir = tempfile::tempdir()?;
/// # let file = dir.path().join("run.toml");
/// std::fs::write(&file, "epochs = 30\n[optimizer]\nkind = 'sgd'")?;
/// let config: Config = load_with(&file, &["epochs=3", "optimizer.kind=adamw"])?;
/// assert_eq!((config.epochs, &*config.optimizer.kind), (3, "adamw"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`ConfigError`].
pub fn load_with<C: DeserializeOwned>(
    path: impl AsRef<Path>,
    changes: &[impl AsRef<str>],
) -> Result<C, ConfigError> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(|reason| ConfigError::File {
        path: path.into(),
        action: "read",
        reason,
    })?;
    let content = |reason| ConfigError::Content {
        path: path.into(),
        reason: Box::new(reason),
    };
    if changes.is_empty() {
        return toml::from_str(&text).map_err(content);
    }
    let mut table: Table = toml::from_str(&text).map_err(content)?;
    for change in changes {
        apply(&mut table, change.as_ref())?;
    }
    C::deserialize(table).map_err(|reason| match toml::from_str::<C>(&text) {
        // What is wrong is in the file, and there it has a line.
        Err(in_file) if in_file.message() == reason.message() => content(in_file),
        _ => ConfigError::Changed {
            path: path.into(),
            changes: changes.iter().map(|c| c.as_ref().to_owned()).collect(),
            reason: Box::new(reason),
        },
    })
}

/// Writes a configuration as TOML, in place of a file that is there.
///
/// # Errors
/// [`ConfigError::Form`], [`ConfigError::File`].
pub fn save(config: &impl Serialize, path: impl AsRef<Path>) -> Result<(), ConfigError> {
    let path = path.as_ref();
    let text = toml::to_string_pretty(config)?;
    files::save(path, text.as_bytes()).map_err(|reason| ConfigError::File {
        path: path.into(),
        action: "write",
        reason,
    })
}

fn apply(table: &mut Table, text: &str) -> Result<(), ConfigError> {
    let (key, value) = change(text)?;
    put(table, &key, value).map_err(|problem| ConfigError::Change {
        change: text.to_owned(),
        problem,
    })
}

/// The key and the value of a change `key=value`.
pub(super) fn change(text: &str) -> Result<(String, Value), ConfigError> {
    let (key, value) = text.split_once('=').ok_or_else(|| ConfigError::Change {
        change: text.to_owned(),
        problem: "it has no `=`".to_owned(),
    })?;
    Ok((key.trim().to_owned(), parsed(value.trim())))
}

/// Sets a key with dots.
///
/// # Errors
/// What is wrong with the key.
pub(super) fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let mut names: Vec<&str> = key.split('.').map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err("a part of its key is empty".to_owned());
    }
    if names.len() > DEPTH {
        return Err(format!("its key leads through more than {DEPTH} tables"));
    }
    let last = names.pop().unwrap_or_default();
    let mut place = table;
    for name in names {
        let next = place
            .entry(name)
            .or_insert_with(|| Value::Table(Table::new()));
        place = next
            .as_table_mut()
            .ok_or_else(|| format!("`{name}` is no table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// A value of TOML, or the text itself.
fn parsed(value: &str) -> Value {
    let table = toml::from_str::<Table>(&format!("value = {value}"));
    let mut table = table.unwrap_or_default();
    // `1\nother = 2` is no value.
    match (table.len(), table.remove("value")) {
        (1, Some(value)) => value,
        _ => Value::String(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        epochs: u8,
        name: String,
        #[serde(default)]
        inner: Inner,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        rates: Vec<f64>,
        deep: bool,
    }

    const FILE: &str = "epochs = 3\nname = \"a\"\n\n[inner]\nrates = [0.5]\n";

    fn load_text(text: &str, changes: &[&str]) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        fs::write(&path, text).unwrap();
        load_with(&path, changes)
            .map_err(|error| error.to_string().replace(&*path.to_string_lossy(), "F"))
    }

    #[test]
    fn changes_are_values_or_plain_text() {
        let config = load_text(
            FILE,
            &[
                "epochs=7",
                "name = b c",
                "inner.rates=[1.0, 2e-3]",
                "inner.deep=true",
            ],
        );
        let expected = Config {
            epochs: 7,
            name: "b c".into(),
            inner: Inner {
                rates: vec![1.0, 2e-3],
                deep: true,
            },
        };
        assert_eq!(config.unwrap(), expected);
        assert_eq!(load_text(FILE, &["name=\"7\""]).unwrap().name, "7");
        assert_eq!(load_text("epochs = 1", &["name=x=y"]).unwrap().name, "x=y");
        assert_eq!(
            load_text(FILE, &["name=1\nepochs=2"]).unwrap().name,
            "1\nepochs=2"
        );
    }

    #[test]
    fn what_is_wrong_in_the_file_has_its_line() {
        for changes in [&[][..], &["name=b"]] {
            let error = load_text("epochs = 300\nname = 'a'", changes).unwrap_err();
            assert!(
                error.starts_with("F: TOML parse error at line 1, column 10"),
                "{error}"
            );
            let error = load_text("epochs = 3\nname = 'a'\nepoch = 4", changes).unwrap_err();
            assert!(
                error.contains("line 3, column 1") && error.contains("`epoch`"),
                "{error}"
            );
        }
        let error = load_text("epochs = ", &[]).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_change_says_so() {
        let error = |changes: &[&str]| load_text(FILE, changes).unwrap_err();
        assert!(error(&["epochs"]).starts_with("`epochs`: it has no `=`"));
        assert!(error(&["a..b=1"]).starts_with("`a..b=1`: a part of its key is empty"));
        assert!(error(&["name.x=1"]).starts_with("`name.x=1`: `name` is no table"));
        let error = error(&["inner.deep=3"]);
        assert!(
            error.starts_with("F with inner.deep=3: ") && error.contains("boolean"),
            "{error}"
        );
    }

    #[test]
    fn no_error_is_longer_than_a_screen() {
        let long = "x".repeat(3_000_000);
        let files = [
            format!("epochs = 3\nname = 'a'\n{long} = 4"),
            format!("epochs = 3\nname = '{long}'\nepochs = 4"),
            format!("epochs = 3\nname = '{long}', 4"),
            format!("epochs = '{long}'\nname = 'a'"),
        ];
        for file in files {
            for changes in [&[][..], &["inner.deep=true"]] {
                let error = load_text(&file, changes).unwrap_err();
                assert!(error.len() < 2_000, "{}", error.len());
                assert!(error.contains("line"), "{error}");
            }
        }
        // What is wrong stays in sight.
        let error = load_text(&format!("epochs = 3\nname = '{long}', 4"), &[]).unwrap_err();
        let lines: Vec<&str> = error.lines().collect();
        let arrow = lines.iter().position(|line| line.contains('^')).unwrap();
        let at = lines[arrow].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[arrow - 1].chars().nth(at), Some(','), "{error}");
        let error = load_text(FILE, &[&*format!("{long}=1"), "epochs=x"]).unwrap_err();
        assert!(error.len() < 2_000, "{}", error.len());
    }

    #[test]
    fn a_key_of_many_parts_is_refused() {
        let dots = format!("a{}=1", ".a".repeat(200_000));
        let error = load_text(FILE, &[&*dots]).unwrap_err();
        assert!(
            error.contains("its key leads through more than 64 tables"),
            "{error}"
        );
        assert!(error.len() < 500);
        let dots = format!("epochs = 3\nname = 'a'\na{} = 1", ".a".repeat(200_000));
        assert!(load_text(&dots, &[]).unwrap_err().len() < 2_000);
        let brackets = format!("name={}", "[".repeat(200_000));
        assert!(load_text(FILE, &[&*brackets]).is_ok());
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        let config = load_text(FILE, &[]).unwrap();
        save(&config, &path).unwrap();
        assert_eq!(load::<Config>(&path).unwrap(), config);
        let missing = load_with::<Config>(dir.path().join("x.toml"), &["a=1"]).unwrap_err();
        assert!(missing.to_string().contains("x.toml: can't read it"));
    }
}
