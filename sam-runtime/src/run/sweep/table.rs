//! What came out of a sweep: means over seeds, the best first.

use super::Trial;
use crate::run::checkpoint::Best;

/// What the trials of a sweep have given: a row for each combination of values, with means over its seeds. Printed, it is a text;
/// [`csv`](Self::csv) and [`json_lines`](Self::json_lines) are for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepTable {
    pub(super) rows: Vec<Row>,
    /// Names of values, in the order in which they came.
    pub(super) names: Vec<String>,
    pub(super) goal: Option<(String, Best)>,
}

/// A combination of values, and what its trials have come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    settings: Vec<(String, String)>,
    trials: Vec<(Option<u64>, End)>,
}

/// How a trial has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With these values.
    Done(Vec<(String, f64)>),
    /// With an error: its reason.
    Failed(String),
    /// Not yet: the sweep was cut off before.
    Open,
}

/// A value over the seeds of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many trials have given it.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, that of a sample (n − 1); `None` of a single one.
    pub deviation: Option<f64>,
    /// The lowest one.
    pub lowest: f64,
    /// The highest one.
    pub highest: f64,
}

impl SweepTable {
    pub(super) fn new<C>(
        trials: &[Trial<C>],
        ends: Vec<End>,
        goal: Option<(String, Best)>,
    ) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (trial, end) in trials.iter().zip(ends) {
            if let End::Done(values) = &end {
                for (name, _) in values {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
            }
            match rows.iter_mut().find(|row| row.settings == trial.settings) {
                Some(row) => row.trials.push((trial.seed, end)),
                None => rows.push(Row {
                    settings: trial.settings.clone(),
                    trials: vec![(trial.seed, end)],
                }),
            }
        }
        if let Some((on, goal)) = &goal {
            // The value that all look at stands first.
            names.sort_by_key(|name| name != on);
            let mean = |row: &Row| row.value(on).map_or(f64::NAN, |value| value.mean);
            rows.sort_by(|a, b| {
                let (a, b) = (mean(a), mean(b));
                let is_better = |a, b| goal.is_better(a, b);
                is_better(b, a).cmp(&is_better(a, b))
            });
        }
        Self { rows, names, goal }
    }

    /// The rows: the best first, where the sweep has a goal, and those without its value last; else in the order of the trials.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The names of the values that trials have given, that of the goal first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Trials that have failed: their values and seed, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&Row, Option<u64>, &str)> {
        self.rows.iter().flat_map(|row| {
            let failed = row.trials.iter().filter_map(|(seed, end)| match end {
                End::Failed(reason) => Some((*seed, &**reason)),
                _ => None,
            });
            failed.map(move |(seed, reason)| (row, seed, reason))
        })
    }

    /// How many trials are still to be run.
    pub fn open(&self) -> usize {
        let trials = self.rows.iter().flat_map(|row| &row.trials);
        trials.filter(|(_, end)| *end == End::Open).count()
    }
}

impl Row {
    /// The keys, and what they were tried with.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The trials: their seeds, and how they have ended.
    pub fn trials(&self) -> &[(Option<u64>, End)] {
        &self.trials
    }

    /// What the trials that are done have given under this name, in the order of the seeds.
    pub fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        self.trials.iter().filter_map(move |(_, end)| match end {
            End::Done(values) => values.iter().find(|(n, _)| n == name).map(|(_, v)| *v),
            _ => None,
        })
    }

    /// The same over the seeds; `None` where no trial has given it. A NaN among them makes the mean one.
    pub fn value(&self, name: &str) -> Option<Summary> {
        let values: Vec<f64> = self.values(name).collect();
        let count = values.len();
        let first = *values.first()?;
        let mean = match values.iter().all(|value| *value == first) {
            // Which a sum could miss by its last bit.
            true => first,
            false => values.iter().sum::<f64>() / count as f64,
        };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let ends = values.iter().fold((first, first), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
        Some(Summary {
            count,
            mean,
            deviation: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()),
            lowest: ends.0,
            highest: ends.1,
        })
    }

    /// How many trials have failed.
    pub(super) fn failures(&self) -> usize {
        let trials = self.trials.iter();
        trials
            .filter(|(_, end)| matches!(end, End::Failed(_)))
            .count()
    }

    /// How many are done.
    pub(super) fn done(&self) -> usize {
        let trials = self.trials.iter();
        trials
            .filter(|(_, end)| matches!(end, End::Done(_)))
            .count()
    }
}
