//! A trial as the program gets it, and what it says at its end.

use std::{collections::BTreeSet, path::PathBuf};

use crate::run::{
    metrics::{MetricsError, names, read_jsonl},
    stop::Stop,
};

/// A trial: a configuration to train with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trial<C> {
    /// The configuration, with the trial's values, seed and folder.
    pub config: C,
    /// What the trial is called, as its folder is.
    pub name: String,
    /// The trial's folder.
    pub out: PathBuf,
    /// Its keys, and what they are tried with.
    pub settings: Vec<(String, String)>,
    /// Its seed, if the sweep has seeds.
    pub seed: Option<u64>,
}

impl<C> Trial<C> {
    /// What the evaluation of the trial's last epoch has found, as its [`Run`](crate::run::Run) has recorded it: values on test data by
    /// their names, those on [other data](crate::run::Run::found) by split and name, as `validation/accuracy`, and the epoch's
    /// `train_loss`. For a program that ends a trial with `trial.recorded(run.finish()?)`.
    ///
    /// # Errors
    /// [`MetricsError`] if the run's records can't be read.
    pub fn recorded(&self, stop: Stop) -> Result<Outcome, MetricsError> {
        let outcome = Outcome::of(stop);
        if outcome.is_to_be_gone_on_with() || stop == Stop::DryRun {
            return Ok(outcome);
        }
        let records = read_jsonl(self.out.join("metrics.jsonl"))?;
        let last = |split: &str| records.iter().rev().find(|record| record.split == split);
        let mut outcome = outcome;
        let splits: BTreeSet<&str> = records.iter().map(|record| &*record.split).collect();
        for split in splits
            .into_iter()
            .filter(|split| !["train", "epoch"].contains(split))
        {
            for (name, value) in last(split).into_iter().flat_map(|record| record.values()) {
                outcome = match split {
                    "test" => outcome.with(name, value),
                    _ => outcome.with(format!("{split}/{name}"), value),
                };
            }
        }
        let loss = last("epoch").and_then(|record| record.get(names::TRAIN_LOSS));
        Ok(match loss {
            Some(loss) => outcome.with(names::TRAIN_LOSS, loss),
            None => outcome,
        })
    }
}

/// What a trial has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub(super) stop: Option<Stop>,
    pub(super) values: Vec<(String, f64)>,
}

impl Outcome {
    /// That of a trial that is done.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of a trial whose [`Run`](crate::run::Run) has ended so. One that was interrupted, or whose time is over, is not done: the
    /// sweep ends there, to be gone on with. What a dry run gives is not kept.
    pub fn of(stop: Stop) -> Self {
        Self {
            stop: Some(stop),
            values: Vec::new(),
        }
    }

    /// The same with a value, such as `("accuracy", 0.93)`, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<f64>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.values.retain(|(other, _)| *other != name);
        self.values.push((name, value));
        self
    }

    pub(super) fn is_to_be_gone_on_with(&self) -> bool {
        matches!(self.stop, Some(Stop::Interrupted | Stop::TimeLimit))
    }
}
