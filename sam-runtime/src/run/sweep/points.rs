//! The keys of a sweep, and what each is tried with.

use toml::Value;

use super::Draw;
use crate::run::resumed::shown;

/// A key, or a name for several.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) tried: Tried,
}

#[derive(Clone, Debug)]
pub(super) enum Tried {
    Grid(Vec<Point>),
    Drawn(Draw),
}

/// What a key is tried with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// How it is called in tables and folders.
    pub(super) label: String,
    /// Keys of the configuration, and their values.
    pub(super) changes: Vec<(String, Value)>,
}

impl Key {
    pub(super) fn grid(name: String, points: Vec<Point>) -> Self {
        let tried = Tried::Grid(points);
        Self { name, tried }
    }

    pub(super) fn drawn(name: String, draw: Draw) -> Self {
        let tried = Tried::Drawn(draw);
        Self { name, tried }
    }
}

impl Point {
    /// A value of a key.
    pub(super) fn of(key: &str, value: Value) -> Self {
        let label = match &value {
            Value::String(text) => text.clone(),
            value => shown(Some(value)),
        };
        Self {
            label,
            changes: vec![(key.to_owned(), value)],
        }
    }
}
