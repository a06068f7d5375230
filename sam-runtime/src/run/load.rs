//! Configuration files, with changes from the command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

/// Why a configuration could not be read or written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read or written.
    #[error("{}: can't {action} it ({reason})", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// The file is no TOML, or not what the program takes. The reason has line and column.
    #[error("{}: {reason}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: Box<toml::de::Error>,
    },
    /// A change from the command line is none.
    #[error("`{change}`: {problem}; a change is `key=value`, as in `run.epochs=3`")]
    Change {
        /// The change.
        change: String,
        /// What is wrong with it.
        problem: String,
    },
    /// With the changes, the configuration is not what the program takes.
    #[error("{} with {}: {reason}", .path.display(), .changes.join(" "))]
    Changed {
        /// The file.
        path: PathBuf,
        /// The changes.
        changes: Vec<String>,
        /// What is wrong.
        reason: Box<toml::de::Error>,
    },
    /// A configuration has no TOML form.
    #[error("a configuration can't be written as TOML: {0}")]
    Form(#[from] toml::ser::Error),
}

crate::debug::debug_as_display!(ConfigError);

/// Reads a configuration from a TOML file. `changes` are made to it first, each `key=value`: a key with
/// dots leads into tables, a value is TOML's, or a text without quotes.
///
/// ```
/// use sam_runtime::run::load;
///
/// #[derive(serde::Deserialize)]
/// struct Config { epochs: usize, optimizer: Optimizer }
/// #[derive(serde::Deserialize)]
/// struct Optimizer { kind: String }
///
/// # let dir = tempfile::tempdir()?;
/// # let file = dir.path().join("run.toml");
/// std::fs::write(&file, "epochs = 30\n[optimizer]\nkind = 'sgd'")?;
/// let config: Config = load(&file, &["epochs=3", "optimizer.kind=adamw"])?;
/// assert_eq!((config.epochs, &*config.optimizer.kind), (3, "adamw"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`ConfigError`].
pub fn load<C: DeserializeOwned>(
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

/// Writes a configuration as TOML.
///
/// # Errors
/// [`ConfigError::Form`], [`ConfigError::File`].
pub fn save(config: &impl Serialize, path: impl AsRef<Path>) -> Result<(), ConfigError> {
    let path = path.as_ref();
    let text = toml::to_string_pretty(config)?;
    fs::write(path, text).map_err(|reason| ConfigError::File {
        path: path.into(),
        action: "write",
        reason,
    })
}

fn apply(table: &mut Table, change: &str) -> Result<(), ConfigError> {
    let wrong = |problem: &str| ConfigError::Change {
        change: change.to_owned(),
        problem: problem.to_owned(),
    };
    let (key, value) = change
        .split_once('=')
        .ok_or_else(|| wrong("it has no `=`"))?;
    let mut names: Vec<&str> = key.trim().split('.').map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(wrong("a part of its key is empty"));
    }
    let last = names.pop().unwrap_or_default();
    let mut place = table;
    for name in names {
        let next = place
            .entry(name)
            .or_insert_with(|| Value::Table(Table::new()));
        place = next
            .as_table_mut()
            .ok_or_else(|| wrong(&format!("`{name}` is no table")))?;
    }
    place.insert(last.to_owned(), parsed(value.trim()));
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
        load(&path, changes)
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
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        let config = load_text(FILE, &[]).unwrap();
        save(&config, &path).unwrap();
        assert_eq!(load::<Config>(&path, &[] as &[&str]).unwrap(), config);
        let missing = load::<Config>(dir.path().join("x.toml"), &["a=1"]).unwrap_err();
        assert!(missing.to_string().contains("x.toml: can't read it"));
    }
}
