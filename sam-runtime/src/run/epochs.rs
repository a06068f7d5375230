//! Where a run is: its epochs and batches, its learning rate and radius.

use std::borrow::Cow;

use super::{Run, RunConfig, RunError, calls::Calls, metrics::Record, stop::Stop};
use crate::{
    position::{Followed, Position},
    step::{On, methods::AnyMethod},
};

impl<M> Run<M> {
    /// The configuration, as this run uses it.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Whether this process writes the run's files: the only one, or rank 0 of several.
    pub fn writes(&self) -> bool {
        self.ranks.writes()
    }

    /// Updates so far, those before a resume included.
    pub fn steps(&self) -> u64 {
        self.kept.step
    }

    /// Where in its data the run is.
    pub fn position(&self) -> Position {
        self.kept.position
    }

    /// The learning rate of the next update.
    pub fn lr(&self) -> f64 {
        self.calls.asked.update(|asked| asked + 1);
        self.config.lr(self.steps(), self.batches) * self.kept.plateau.factor
    }

    /// SAM's radius in the next step; 0, which is the base optimizer, where it rests by the configuration's `when`.
    pub fn rho(&self) -> f64 {
        let (step, batches) = (self.steps(), self.batches);
        self.config.rho_beside(self.lr(), step, batches)
    }

    /// The configuration's way to climb. Give the loop's step this, [`on`](Self::on) and [`rho`](Self::rho), as in
    /// `Sam::new(run.rho()).method(run.method()).on(run.on())`, and all of them can be chosen in a file.
    pub fn method(&self) -> AnyMethod {
        self.config.method
    }

    /// The share of each batch that the first pass runs on, for `ascent = run.ascent()` and
    /// [`Sam::ascent`](crate::Sam::ascent).
    pub fn ascent(&self) -> f64 {
        self.config.ascent
    }

    /// Whether the epoch that ends now is one whose weights are to be measured, by the configuration's `measure_every`.
    /// Measures take many passes; what they find goes to [`end_epoch`](Self::end_epoch) with the rest, as
    /// [`names::LAMBDA_MAX`](super::metrics::names::LAMBDA_MAX) and
    /// [`names::M_SHARPNESS`](super::metrics::names::M_SHARPNESS), for which there are panels in the curves.
    pub fn is_to_measure(&self) -> bool {
        let epochs = self.kept.position.epoch + 1;
        let is_due = epochs.checked_rem(self.config.measure_every) == Some(0);
        is_due && self.kept.position.batch >= self.batches
    }

    /// The parameters that the configuration has perturbed.
    pub fn on(&self) -> On {
        self.config.on
    }

    /// Where the next epoch, of `batches` batches, begins: after a resume in mid-epoch, in its middle, or
    /// even at its end, if only the evaluation is missing. `None` when the run is over, or can't go on:
    /// [`finish`](Self::finish) tells which.
    ///
    /// An epoch is over when the loop says so by [`end_epoch`](Self::end_epoch). Asked again without that, the run gives none,
    /// and `finish` says what the loop has forgotten; only in the middle of an epoch of which batches were done since, it goes
    /// on there.
    ///
    /// Of a [`DataLoader`](crate::data::DataLoader) whose [`len`](crate::data::DataLoader::len) this is, the
    /// run follows which batches the loop gets: one that could not be read, and is passed over, counts as
    /// one that is done with. It also sees whether, after a resume, they are those that they were.
    pub fn next_epoch(&mut self, batches: usize) -> Option<Position> {
        if let Some((source, state)) = self.rng.take() {
            source.go_on(&state);
        }
        if self.stop.is_none_or(|stop| stop == Stop::DryRun)
            && let Some(error) = self.forgotten_before_epoch(batches)
        {
            self.refused = Some(error);
            return None;
        }
        if self.stop.is_none() && self.kept.position.epoch >= self.config.epochs {
            self.stop = Some(Stop::Finished);
        }
        // Perhaps during the evaluation.
        if self.stop.is_none() && !self.config.dry_run {
            let asked = self.interrupt.asked().then_some(Stop::Interrupted);
            match self.ranks.agree(asked, None) {
                Ok((stop, _)) => self.stop = stop,
                Err(error) => self.refused = Some(error.into()),
            }
        }
        if self.stop.is_some() || self.refused.is_some() {
            return None;
        }
        // For the first time in this process.
        if self.from.is_some() && !self.knows_batches {
            match self.kept.resumed_with(batches) {
                Ok(told) => told.into_iter().for_each(|line| self.output.say(&line)),
                Err(error) => {
                    self.refused = Some(error);
                    return None;
                }
            }
            self.from = self.from.filter(|_| self.kept.position.batch < batches);
        }
        self.knows_batches = true;
        self.kept.batches = Some(batches);
        self.batches = batches;
        let position = self.kept.position;
        self.calls = Calls::begin(position);
        self.followed = Followed::wait(position, batches, !self.knows_data);
        self.output.begin_epoch(&self.config, position, batches);
        Some(position)
    }

    /// Takes note of a batch that the loop got and made no step of: one that it leaves out, or whose
    /// gradient it adds to that of the next. Without it a resumed run would see the batch twice.
    pub fn passed_over(&mut self) {
        let batch = match self.followed.next() {
            Some(batch) => batch,
            None => self.kept.position.batch,
        };
        self.kept.position.batch = batch.saturating_add(1);
        self.calls.counted += 1;
    }

    /// Takes note of what the batches are, once the loader has told.
    pub(super) fn learn_data(&mut self) -> Result<(), RunError> {
        Followed::stop_waiting();
        if let Some(facts) = self.followed.facts() {
            self.knows_data = true;
            for line in self.kept.learn(facts, self.from)? {
                self.output.say(&line);
            }
        }
        Ok(())
    }

    /// The batches of an iterator, or only the first one in a dry run; for the evaluation, too.
    pub fn limit<I: IntoIterator>(&self, batches: I) -> impl Iterator<Item = I::Item> + use<I, M> {
        let limit = if self.config.dry_run { 1 } else { usize::MAX };
        batches.into_iter().take(limit)
    }

    /// Takes the loss of a batch of `samples`. Under the attribute that is the clean one.
    pub fn saw(&mut self, loss: impl Into<f64>, samples: usize) {
        let loss = loss.into();
        self.calls.losses += 1;
        if !loss.is_finite() {
            self.lost = Some(loss);
            return;
        }
        self.kept.epoch_loss.add(loss, samples);
        self.kept.recent_loss.add(loss, samples);
        self.output.saw(samples * self.ranks.size());
    }

    /// Seconds of training, those of earlier processes included.
    pub(super) fn seconds(&self) -> f64 {
        self.kept.seconds + self.started.elapsed().as_secs_f64()
    }

    /// A record of this moment.
    pub(super) fn record(&self, split: impl Into<Cow<'static, str>>) -> Record {
        let Position { epoch, batch } = self.kept.position;
        let epoch = epoch as f64 + batch as f64 / self.batches.max(1) as f64;
        Record::new(self.steps(), epoch, split).seconds(self.seconds())
    }

    /// Adds up what steps have left out.
    pub(super) fn count_left_out(&mut self) {
        let count = self.left_out.take();
        self.kept.left_out += count;
        self.kept.left_out_in_all += count;
    }

    /// What is wrong, if the last loss was not finite.
    pub(super) fn check_loss(&self) -> Result<(), RunError> {
        match self.lost {
            Some(loss) => Err(RunError::NonFinite {
                loss,
                step: self.steps(),
                last: self.last_checkpoint.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Why the run must end now, epochs aside.
    pub(super) fn asked_to_stop(&self) -> Option<Stop> {
        let minutes = self.config.minutes;
        let over = |minutes: f64| self.started.elapsed().as_secs_f64() >= 60.0 * minutes;
        if self.config.dry_run {
            Some(Stop::DryRun)
        } else if self.interrupt.asked() {
            Some(Stop::Interrupted)
        } else if minutes.is_some_and(over) {
            Some(Stop::TimeLimit)
        } else {
            None
        }
    }
}
