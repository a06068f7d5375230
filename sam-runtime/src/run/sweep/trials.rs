//! The trials of a sweep, in their order, each with its configuration.

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{
    Sweep, SweepError, Trial, changed,
    folder::{TRIALS, folder_name},
    points::{Key, Point, Tried},
};
use crate::run::{
    ConfigError,
    built::{from_value, to_table, to_value},
};

/// Values that belong together, by key.
type Settings = Vec<(String, Point)>;

impl<C: Serialize + DeserializeOwned> Sweep<C> {
    /// The trials, in their order.
    ///
    /// # Errors
    /// [`SweepError::Base`], [`SweepError::Key`], [`SweepError::Trial`].
    pub fn trials(&self) -> Result<Vec<Trial<C>>, SweepError> {
        if let Some((key, problem)) = &self.problem {
            return Err(wrong(key, problem.clone()));
        }
        let base = self.base.as_ref().map_err(|reason| SweepError::Base {
            reason: reason.clone(),
        })?;
        let run = run_table(base);
        self.check_keys(base)?;
        let settings = self.settings()?;
        let mut seen = BTreeSet::new();
        for seed in &self.seeds {
            if !seen.insert(seed) {
                return Err(wrong("seeds", format!("have {seed} twice")));
            }
        }
        let seeds: Vec<Option<u64>> = match self.seeds.is_empty() {
            true => vec![None],
            false => self.seeds.iter().copied().map(Some).collect(),
        };
        let mut trials = Vec::new();
        for settings in &settings {
            for &seed in &seeds {
                trials.push(self.trial(base, run.as_deref(), settings, seed)?);
            }
        }
        Ok(trials)
    }

    fn trial(
        &self,
        base: &Table,
        run: Option<&str>,
        settings: &Settings,
        seed: Option<u64>,
    ) -> Result<Trial<C>, SweepError> {
        let labels: Vec<(String, String)> = settings
            .iter()
            .map(|(key, point)| (key.clone(), point.label.clone()))
            .collect();
        let name = folder_name(&labels, seed);
        let out = self.out.join(TRIALS).join(&name);
        let failed = |reason: ConfigError| SweepError::Trial {
            trial: name.clone(),
            reason,
        };
        let mut changes: Vec<(String, Value)> = settings
            .iter()
            .flat_map(|(_, point)| point.changes.clone())
            .collect();
        if let Some(seed) = seed {
            let key = format!("{}seed", run.unwrap_or_default());
            changes.push((key, to_value(&seed).map_err(failed)?));
        }
        if let Some(run) = run {
            changes.push((format!("{run}out"), to_value(&out).map_err(failed)?));
            changes.push((format!("{run}resume"), true.into()));
        }
        let table = changed(base, &changes)?;
        let config = from_value(Value::Table(table)).map_err(failed)?;
        Ok(Trial {
            config,
            name,
            out,
            settings: labels,
            seed,
        })
    }

    /// All combinations of values, the first key changing slowest.
    fn settings(&self) -> Result<Vec<Settings>, SweepError> {
        let mut all: Vec<Settings> = vec![Vec::new()];
        for key in &self.keys {
            if let Tried::Grid(points) = &key.tried {
                let with = |settings: &Settings| {
                    let settings = settings.clone();
                    points.iter().map(move |point| {
                        let mut settings = settings.clone();
                        settings.push((key.name.clone(), point.clone()));
                        settings
                    })
                };
                all = all.iter().flat_map(with).collect();
            }
        }
        let drawn = self.drawn()?;
        let both = all.iter().flat_map(|settings| {
            let with = |drawn: &Settings| settings.iter().chain(drawn).cloned().collect();
            drawn.iter().map(with)
        });
        Ok(both.collect())
    }

    fn drawn(&self) -> Result<Vec<Settings>, SweepError> {
        let keys = self.keys.iter().filter_map(|key| match &key.tried {
            Tried::Drawn(draw) => Some((&key.name, draw)),
            Tried::Grid(_) => None,
        });
        let keys: Vec<_> = keys.collect();
        let (count, seed) = match (keys.first(), self.draws) {
            (None, None) => return Ok(vec![Vec::new()]),
            (None, Some(_)) => {
                return Err(wrong("draws", "have no key to draw; name one by `draw`"));
            }
            (Some((key, _)), None | Some((0, _))) => {
                return Err(wrong(key, "is drawn, but how often? say it by `draws`"));
            }
            (Some(_), Some(draws)) => draws,
        };
        let mut all: Vec<Settings> = Vec::new();
        for number in 0..count {
            let mut settings = Vec::with_capacity(keys.len());
            for (key, draw) in &keys {
                let value = draw.at(seed, key, number);
                let value = value.map_err(|problem| wrong(key, problem))?;
                settings.push(((*key).clone(), Point::of(key, value)));
            }
            if !all.contains(&settings) {
                all.push(settings);
            }
        }
        Ok(all)
    }

    /// Refuses keys without values, with one twice, and those that the program doesn't read.
    fn check_keys(&self, base: &Table) -> Result<(), SweepError> {
        let plain = self.as_read(base);
        for Key { name, tried } in &self.keys {
            let drawn;
            let points = match tried {
                Tried::Grid(points) => points,
                Tried::Drawn(draw) => {
                    let seed = self.draws.map_or(0, |(_, seed)| seed);
                    let value = draw.at(seed, name, 0);
                    drawn = [Point::of(
                        name,
                        value.map_err(|problem| wrong(name, problem))?,
                    )];
                    &drawn[..]
                }
            };
            if points.is_empty() {
                return Err(wrong(name, "has no value to try"));
            }
            for (i, point) in points.iter().enumerate() {
                if points[..i].iter().any(|other| other.label == point.label) {
                    return Err(wrong(name, format!("has {} twice", point.label)));
                }
            }
            let mut is_read = points.len() == 1;
            for point in points {
                let now = self.as_read(&changed(base, &point.changes)?);
                let has = |now: &Table| {
                    point
                        .changes
                        .iter()
                        .all(|(key, _)| find(now, key).is_some())
                };
                // What is wrong with a configuration that isn't taken shows in the trial.
                is_read |= now.is_none() || now != plain || now.as_ref().is_some_and(has);
            }
            if !is_read {
                let problem = "changes nothing that the configuration reads; is it spelled so?";
                return Err(wrong(name, problem));
            }
        }
        Ok(())
    }

    /// What a program makes of a table, if it takes it.
    fn as_read(&self, table: &Table) -> Option<Table> {
        let config: C = from_value(Value::Table(table.clone())).ok()?;
        to_table(&config).ok()
    }
}

/// Where in a program's configuration the table of a `RunConfig` is: a prefix of keys, such as `run.`.
pub(super) fn run_table(all: &Table) -> Option<String> {
    let is_run = |table: &Table| table.contains_key("out") && table.contains_key("epochs");
    if is_run(all) {
        return Some(String::new());
    }
    all.iter().find_map(|(key, value)| {
        let rest = run_table(value.as_table()?)?;
        Some(format!("{key}.{rest}"))
    })
}

/// The value of a key with dots.
fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((name, rest)) => find(table.get(name)?.as_table()?, rest),
    }
}

fn wrong(key: &str, problem: impl Into<String>) -> SweepError {
    SweepError::Key {
        key: key.to_owned(),
        problem: problem.into(),
    }
}
