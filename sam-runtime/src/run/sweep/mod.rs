//! Sweeps: values of a configuration and seeds, tried one after the other by one program.
//!
//! | file | what |
//! |---|---|
//! | `points` | the keys of a sweep, and what each is tried with |
//! | `draw` | values at random |
//! | `trials` | the trials, in their order, each with its configuration |
//! | `trial` | a trial as the program gets it, and what it says at its end |
//! | `folder` | what lies in a sweep's folder |
//! | `going` | how a sweep goes through its trials, and on where it was |
//! | `table` | what came out: means over seeds, the best first |
//! | `written` | the table as text, CSV and JSON lines |
//! | `picture` | the same as a picture, with the feature `plot` |
//! | `error` | why a sweep can't go on |

mod draw;
mod error;
mod folder;
mod going;
#[cfg(feature = "plot")]
mod picture;
mod points;
mod table;
mod trial;
mod trials;
mod written;

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::Serialize;
use toml::Table;

pub use self::{
    draw::Draw,
    error::SweepError,
    going::Swept,
    table::{End, Row, Summary, SweepTable},
    trial::{Outcome, Trial},
};
use super::{
    ConfigError,
    built::{to_table, to_value},
    checkpoint::Best,
    load::{change, put},
};
use points::{Key, Point};

/// A grid of values, values at random, and seeds: each combination is a trial, a run of the program's own with a configuration of its
/// own. `C` is the program's configuration, such as a [`RunConfig`](super::RunConfig), or a larger one that has one as a table.
///
/// ```
/// use sam_runtime::{
///     optim::SgdKeys,
///     run::{RunConfig, checkpoint::Best, sweep::{Outcome, Sweep}},
/// };
///
/// # let dir = tempfile::tempdir()?;
/// # let folder = dir.path();
/// let base = RunConfig::new("", 30, SgdKeys::default());
/// let sweep = Sweep::new(folder, &base)
///     .values("rho", [0.0, 0.05, 0.1])
///     .seeds(0..3)
///     .goal("accuracy", Best::Highest);
/// let swept = sweep.run(|trial| -> Result<Outcome, Box<dyn std::error::Error>> {
///     // Where a program trains, by `Run::start(&trial.config, ..)`.
///     let (rho, seed) = (trial.config.rho(0, 1), trial.config.seed as f64);
///     Ok(Outcome::new().with("accuracy", 0.9 - (rho - 0.05).abs() + 0.001 * seed))
/// })?;
/// let best = &swept.table().rows()[0];
/// assert_eq!(best.settings(), [("rho".to_owned(), "0.05".to_owned())]);
/// assert!((best.value("accuracy").unwrap().mean - 0.901).abs() < 1e-12);
/// println!("{}", swept.table());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Order
/// Trials come one after the other, the values of the key that was named first changing slowest, seeds fastest. Within a trial, dfdx and
/// the layers use all cores as ever.
///
/// # What a sweep writes
/// In its folder: `trials/`, with a folder for each trial that is called after its values; `table.txt`, `table.csv` and `table.jsonl`;
/// with the feature `plot`, `sweep.png` and `sweep.svg`. A trial's folder is its configuration's `out`, and so has all that a
/// [`Run`](super::Run) writes; beside it the trial's configuration as a sweep has it, and `result.json`, once it is done.
///
/// # Resuming
/// A sweep that was cut off, at whatever moment, and is started again goes on where it was: trials that are done are not run again; the
/// one that was cut off resumes from its last checkpoint, since its configuration has `resume` set; and in the end there is the same
/// table. Trials that failed are tried again. Values and seeds may be added to a sweep, and taken out, between two starts; trials whose
/// configuration is another than it was are refused by name ([`SweepError::Changed`]).
#[derive(Debug)]
pub struct Sweep<C> {
    out: PathBuf,
    base: Result<Table, String>,
    keys: Vec<Key>,
    draws: Option<(usize, u64)>,
    seeds: Vec<u64>,
    goal: Option<(String, Best)>,
    progress: bool,
    /// The first thing that is wrong with the definition.
    problem: Option<(String, String)>,
    config: PhantomData<fn() -> C>,
}

impl<C: Serialize> Sweep<C> {
    /// A sweep in the folder `out`, whose trials are `base` but for the keys that are named. The table of a
    /// [`RunConfig`](super::RunConfig) in it, which is all of it or one of its tables, gets `out`, `resume` and `seed` from the sweep.
    pub fn new(out: impl Into<PathBuf>, base: &C) -> Self {
        Self {
            out: out.into(),
            base: to_table(base).map_err(|error| error.to_string()),
            keys: Vec::new(),
            draws: None,
            seeds: Vec::new(),
            goal: None,
            progress: true,
            problem: None,
            config: PhantomData,
        }
    }
}

impl<C> Sweep<C> {
    /// The same, trying each of these values of a key. A key with dots leads into tables, as in `optimizer.lr`; a value is anything that
    /// serde knows. A table whose `kind` changes is set as a whole, as `optimizer` by values of
    /// [`OptimizerConfig`](crate::optim::OptimizerConfig), and `lr` by those of [`Schedule`](crate::schedule::Schedule).
    #[must_use]
    pub fn values<V: Serialize>(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let key = key.into();
        let mut points = Vec::new();
        for value in values {
            match to_value(&value) {
                Ok(value) => points.push(Point::of(&key, value)),
                Err(error) => self.note(&key, error.to_string()),
            }
        }
        self.add(Key::grid(key, points))
    }

    /// The same, trying groups of changes under names: for settings that belong together. A change is `key=value`, as for
    /// [`load_with`](super::load_with).
    ///
    /// ```
    /// # use sam_runtime::{optim::SgdKeys, run::{RunConfig, sweep::Sweep}};
    /// # let base = RunConfig::new("", 30, SgdKeys::default());
    /// let sweep = Sweep::new("runs/methods", &base).variants(
    ///     "recipe",
    ///     [
    ///         ("sgd", &["rho=0.0"][..]),
    ///         ("sam", &["rho=0.05"]),
    ///         ("asam", &["rho=0.5", "method={ kind = 'asam' }"]),
    ///     ],
    /// );
    /// assert_eq!(sweep.trials()?.len(), 3);
    /// # Ok::<(), sam_runtime::run::sweep::SweepError>(())
    /// ```
    #[must_use]
    pub fn variants<N: Into<String>, S: AsRef<str>>(
        mut self,
        name: impl Into<String>,
        variants: impl IntoIterator<Item = (N, impl AsRef<[S]>)>,
    ) -> Self {
        let name = name.into();
        let mut points = Vec::new();
        for (label, changes) in variants {
            let changes = changes.as_ref().iter().map(|text| change(text.as_ref()));
            match changes.collect::<Result<Vec<_>, ConfigError>>() {
                Ok(changes) => points.push(Point {
                    label: label.into(),
                    changes,
                }),
                Err(error) => self.note(&name, error.to_string()),
            }
        }
        self.add(Key::grid(name, points))
    }

    /// The same, drawing values of a key at random; [`draws`](Self::draws) says how many. All keys that are drawn are drawn together:
    /// a random search.
    #[must_use]
    pub fn draw(self, key: impl Into<String>, draw: Draw) -> Self {
        self.add(Key::drawn(key.into(), draw))
    }

    /// The same with `count` draws. They are a function of `seed`, the key and their number: more draws begin with those that there were.
    /// One that has come before is left out.
    #[must_use]
    pub fn draws(mut self, count: usize, seed: u64) -> Self {
        self.draws = Some((count, seed));
        self
    }

    /// The same, trying each combination of values with each of these seeds, over which the table has means. They become the
    /// configuration's `seed`.
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = u64>) -> Self {
        self.seeds.extend(seeds);
        self
    }

    /// The same, whose table has the best first: by the mean of this value over seeds. Trials that don't give it have failed.
    #[must_use]
    pub fn goal(mut self, on: impl Into<String>, goal: Best) -> Self {
        self.goal = Some((on.into(), goal));
        self
    }

    /// The same; whether a line on standard error says which trial begins, or has failed. It does if nothing else is said.
    #[must_use]
    pub fn progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// The sweep's folder.
    pub fn out(&self) -> &Path {
        &self.out
    }

    fn add(mut self, key: Key) -> Self {
        if self.keys.iter().any(|other| other.name == key.name) {
            self.note(&key.name, "is named twice".to_owned());
        }
        self.keys.push(key);
        self
    }

    fn note(&mut self, key: &str, problem: String) {
        self.problem
            .get_or_insert_with(|| (key.to_owned(), problem));
    }
}

/// `base` with these changes.
fn changed(base: &Table, changes: &[(String, toml::Value)]) -> Result<Table, SweepError> {
    let mut table = base.clone();
    for (key, value) in changes {
        put(&mut table, key, value.clone()).map_err(|problem| SweepError::Key {
            key: key.clone(),
            problem: format!("can't be set: {problem}"),
        })?;
    }
    Ok(table)
}
