//! How a sweep goes through its trials, and on where it was.

use std::{error::Error, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    End, Outcome, Sweep, SweepError, SweepTable, Trial,
    folder::{begin, done, end, others, write},
};
use crate::run::{
    checkpoint::CheckpointStore,
    progress::tell,
    stop::{Interrupt, Stop},
};

/// What a sweep has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    table: SweepTable,
    stop: Stop,
    others: Vec<PathBuf>,
}

impl Swept {
    /// What the trials have given.
    pub fn table(&self) -> &SweepTable {
        &self.table
    }

    /// Why it has ended: [`Stop::Finished`] where all trials were tried, failed ones included. Return it from `main`, and the
    /// program's exit status tells whether there is something to go on with.
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// Folders of trials that are done, but no longer in the sweep: they are not in the table.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.others
    }
}

impl<C: Serialize + DeserializeOwned> Sweep<C> {
    /// Runs the trials that are not done, and writes the table. All trials' configurations are read before the first begins.
    ///
    /// A trial whose `run` gives an error has failed: its reason stands in the table, and the next trial follows. A panic ends the
    /// program, as ever. On Ctrl-C, and where a trial's [`Outcome`] says that it was interrupted or its time is over, the sweep ends;
    /// started again, it goes on there.
    ///
    /// # Errors
    /// [`SweepError::Changed`] if a trial was begun with another configuration. Else see [`SweepError`]. What trials have come to is
    /// on the disk then.
    pub fn run<F, E>(&self, mut run: F) -> Result<Swept, SweepError>
    where
        F: FnMut(&Trial<C>) -> Result<Outcome, E>,
        E: Into<Box<dyn Error>>,
    {
        let trials = self.trials()?;
        let lock = CheckpointStore::open(&self.out)?;
        lock.lock()?;
        let outcomes = trials.iter().map(done);
        let outcomes: Vec<Option<Outcome>> = outcomes.collect::<Result<_, _>>()?;
        let others = others(&self.out, &trials)?;
        if !others.is_empty() {
            self.tell(&format!(
                "trials that are done, and no longer in the sweep, are left out of its table: {}",
                others.len()
            ));
        }
        let interrupt = Interrupt::listen();
        let mut stop = Stop::Finished;
        let mut ends = Vec::with_capacity(trials.len());
        for (i, (trial, outcome)) in trials.iter().zip(outcomes).enumerate() {
            if let Some(outcome) = outcome {
                ends.push(End::Done(outcome.values));
                continue;
            }
            if stop == Stop::Finished && interrupt.asked() {
                stop = Stop::Interrupted;
            }
            if matches!(stop, Stop::Interrupted | Stop::TimeLimit) {
                ends.push(End::Open);
                continue;
            }
            self.tell(&format!(
                "trial {} of {}: {}",
                i + 1,
                trials.len(),
                trial.name
            ));
            begin(trial)?;
            ends.push(match self.tried(run(trial)) {
                Ok(Outcome {
                    stop: Some(asked @ (Stop::Interrupted | Stop::TimeLimit)),
                    ..
                }) => {
                    stop = asked;
                    End::Open
                }
                Ok(outcome) => {
                    if outcome.stop == Some(Stop::DryRun) {
                        stop = Stop::DryRun;
                    } else {
                        end(trial, &outcome)?;
                    }
                    End::Done(outcome.values)
                }
                Err(reason) => {
                    self.tell(&format!("trial {} has failed: {reason}", trial.name));
                    End::Failed(reason)
                }
            });
        }
        let table = SweepTable::new(&trials, ends, self.goal.clone());
        self.write(&table)?;
        Ok(Swept {
            table,
            stop,
            others,
        })
    }

    /// The outcome of a trial, or why it has failed.
    fn tried<E: Into<Box<dyn Error>>>(
        &self,
        result: Result<Outcome, E>,
    ) -> Result<Outcome, String> {
        let outcome = result.map_err(|error| in_full(&*error.into()))?;
        let is_whole = outcome.is_to_be_gone_on_with() || outcome.stop == Some(Stop::DryRun);
        let Some((on, _)) = self.goal.as_ref().filter(|_| !is_whole) else {
            return Ok(outcome);
        };
        if outcome.values.iter().any(|(name, _)| name == on) {
            return Ok(outcome);
        }
        let names: Vec<&str> = outcome.values.iter().map(|(name, _)| &**name).collect();
        Err(match names.is_empty() {
            true => format!("it gave no `{on}`, which is the sweep's goal, nor any other value"),
            false => format!(
                "it gave no `{on}`, which is the sweep's goal, but {}",
                names.join(", ")
            ),
        })
    }

    fn write(&self, table: &SweepTable) -> Result<(), SweepError> {
        write(&self.out.join("table.txt"), &table.to_string())?;
        write(&self.out.join("table.csv"), &table.csv())?;
        write(&self.out.join("table.jsonl"), &table.json_lines())?;
        #[cfg(feature = "plot")]
        if let Some(picture) = table.picture() {
            picture.save(self.out.join("sweep.svg"))?;
            picture.save(self.out.join("sweep.png"))?;
        }
        Ok(())
    }

    fn tell(&self, line: &str) {
        if self.progress {
            tell(line);
        }
    }
}

/// An error with its reasons, those left out that it says itself.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let more = reason.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = reason.source();
    }
    text
}
