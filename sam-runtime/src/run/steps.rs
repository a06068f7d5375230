//! What a run does after each step and each epoch, and at its end.

use std::mem;

use dfdx::{prelude::*, tensor_ops::Device};

use super::{
    Ema, Run, RunError,
    checkpoint::Checkpoint,
    kept::Kept,
    metrics::names,
    output::TRAIN,
    start::{EMA, METHOD, MODEL, OPTIMIZER, RNG, RUN, method_failed},
    stop::Stop,
};
use crate::{
    device::rng_state,
    last_report,
    optim::SaveState,
    position::Position,
    step::{StepReport, device_of, method_state},
};

impl<M: Clone> Run<M> {
    /// Ends a step: to be called after the update. Counts it, takes the weights into their running mean,
    /// writes what is due, and says whether the epoch goes on. If not, leave the loop over the batches. After
    /// an epoch's last batch it writes a checkpoint, so that nothing is lost with the evaluation.
    ///
    /// A step whose batch was left out (`nonfinite = "skip"`) counts, but its loss does not; records and the end of
    /// the run say how many there were.
    ///
    /// # Errors
    /// [`RunError::NonFinite`] if the loss that the run [saw](Self::saw) is not finite; then the last good
    /// checkpoint is named. Else see [`RunError`].
    pub fn step<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
    ) -> Result<bool, RunError>
    where
        M: TensorCollection<E, D>,
    {
        self.learn_data()?;
        // Taken whether it is recorded or not, so that it never is that of an earlier step.
        let report = last_report();
        if let Some(report) = &report {
            self.left_out.count(report);
            self.kept.recent_gradients.add(report.gradients, 1);
        }
        // On a GPU to ask means to wait, and only after such a loss there is something to ask.
        let left_out = self.lost.is_some() && report.as_ref().is_some_and(StepReport::skipped);
        if left_out {
            self.lost = None;
        }
        let (stop, lost) = self.ranks.agree(self.asked_to_stop(), self.lost)?;
        self.lost = lost;
        self.check_loss()?;
        if let Some(ema) = self.ema.as_mut().filter(|_| !left_out) {
            ema.update(model)?;
        }
        let (lr, rho) = (self.lr(), self.rho());
        self.kept.step = self.kept.step.saturating_add(1);
        self.passed_over();
        if self.kept.step.is_multiple_of(self.config.log.every as u64) || self.config.dry_run {
            let mut record = self.record(TRAIN).with(names::LEARNING_RATE, lr);
            self.count_left_out();
            if self.kept.left_out > 0 {
                record.set(names::LEFT_OUT, self.kept.left_out as f64);
            }
            let loss = self.ranks.mean(mem::take(&mut self.kept.recent_loss))?;
            if loss.samples() > 0 {
                record.set(names::LOSS, loss.value());
            }
            if let Some(report) = &report {
                record = record
                    .with(names::RHO, rho)
                    .with_some(
                        names::GRADIENT_NORM,
                        self.ranks.mean_of(report.gradient_norm())?,
                    )
                    .with_some(names::SHARPNESS, self.ranks.mean_of(report.sharpness())?)
                    .with(names::GRADIENTS, self.kept.recent_gradients.take());
            }
            self.output.training(record)?;
        }
        let rho = report.map(|_| rho);
        self.output.step(self.kept.epoch_loss.value(), lr, rho);
        let at_end = self.kept.position.batch >= self.batches;
        self.stop = stop;
        let every = self.config.checkpoints.every;
        // At an epoch's end, an evaluation follows, which may take long.
        let due = at_end || (every > 0 && self.kept.step.is_multiple_of(every));
        if self.stop != Some(Stop::DryRun) && (due || self.stop.is_some()) {
            self.checkpoint(model, opt, None)?;
        }
        self.shown = match at_end {
            true => {
                let evaluated = self.ema.as_ref().map_or(model, Ema::model);
                self.ranks.with_mean_buffers(evaluated)?
            }
            false => None,
        };
        Ok(self.stop.is_none() && !at_end)
    }

    /// The model to evaluate: the running mean of the weights, if there is one, or `model` itself. Of several ranks, at an
    /// epoch's end, with the mean of their running statistics.
    pub fn evaluated<'a>(&'a self, model: &'a M) -> &'a M {
        match (&self.shown, &self.ema) {
            (Some(shown), _) => shown,
            (None, Some(ema)) => ema.model(),
            (None, None) => model,
        }
    }

    /// Ends an epoch, with what an evaluation has found, such as `("accuracy", 0.93)`. Records it, and the
    /// epoch's mean training loss (`train_loss` of the split `epoch`), writes a checkpoint, and sees whether there is still progress. Does nothing where the loop was left before
    /// the epoch's end.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn end_epoch<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
        found: &[(&'static str, f64)],
    ) -> Result<(), RunError>
    where
        M: TensorCollection<E, D>,
    {
        if self.stop.is_some_and(|stop| stop != Stop::DryRun) {
            return Ok(());
        }
        self.learn_data()?;
        let loss = mem::take(&mut self.kept.epoch_loss);
        let loss = self.ranks.mean(loss)?.value();
        let found = &self.found_by_the_first(found)?[..];
        self.output.end_epoch(loss, found);
        if !found.is_empty() {
            let record = found
                .iter()
                .fold(self.record("test"), |record, (name, value)| {
                    record.with(*name, *value)
                });
            self.output.record(&record)?;
        }
        self.count_left_out();
        let left_out = mem::take(&mut self.kept.left_out);
        let left_out = (left_out > 0).then_some(left_out as f64);
        if !loss.is_nan() || left_out.is_some() {
            let record = self
                .record("epoch")
                .with_some(names::TRAIN_LOSS, (!loss.is_nan()).then_some(loss))
                .with_some(names::LEFT_OUT, left_out);
            self.output.record(&record)?;
        }
        let value = |on: &str| {
            let value = found.iter().find(|(name, _)| *name == on);
            let value = value.map(|(_, value)| *value);
            value
                .or((on == names::TRAIN_LOSS).then_some(loss))
                .ok_or_else(|| {
                    let mut known: Vec<_> =
                        found.iter().map(|(name, _)| (*name).to_owned()).collect();
                    known.push(names::TRAIN_LOSS.to_owned());
                    RunError::Value {
                        on: on.to_owned(),
                        known,
                    }
                })
        };
        if let Some(plateau) = &self.config.plateau {
            plateau.see(&mut self.kept.plateau, value(&plateau.on)?);
        }
        if let Some(rule) = &self.config.early_stopping
            && rule.see(&mut self.kept.early_stopping, value(&rule.on)?)
        {
            self.stop = Some(Stop::NoProgress);
        }
        let best = self.config.checkpoints.best.as_ref();
        let score = best.map(|best| value(&best.on)).transpose()?;
        self.kept.position = Position {
            epoch: self.kept.position.epoch + 1,
            batch: 0,
        };
        self.checkpoint(model, opt, score)
    }

    /// Ends the run: why it ended. Draws its curves, with the feature `plot`, and says on standard error in
    /// which folder all is, if `log.progress` is set.
    ///
    /// Return the [`Stop`] from `main`, and the program's exit status tells whether the run is done.
    ///
    /// # Errors
    /// [`RunError::Position`] if it could not go on where it was. Else see [`RunError`].
    pub fn finish(mut self) -> Result<Stop, RunError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.count_left_out();
        match self.kept.left_out_in_all {
            0 => {}
            1 => self
                .output
                .say("1 batch was left out: its gradient was not finite"),
            count => {
                let line =
                    format!("{count} batches were left out: their gradients were not finite");
                self.output.say(&line);
            }
        }
        let stop = self.stop.unwrap_or(Stop::Finished);
        self.output.finish(&self.config)?;
        Ok(stop)
    }

    /// What rank 0 has found.
    fn found_by_the_first(
        &self,
        found: &[(&'static str, f64)],
    ) -> Result<Vec<(&'static str, f64)>, RunError> {
        let (names, mut values): (Vec<_>, Vec<_>) = found.iter().copied().unzip();
        self.ranks.numbers(&mut values)?;
        Ok(names.into_iter().zip(values).collect())
    }

    fn checkpoint<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
        score: Option<f64>,
    ) -> Result<(), RunError>
    where
        M: TensorCollection<E, D>,
    {
        self.output.pause();
        self.count_left_out();
        // What was recorded must be there when what follows it is.
        self.output.flush()?;
        let kept = Kept {
            seconds: self.seconds(),
            // A run that lacks progress is over; one that was interrupted goes on.
            stop: self.stop.filter(|stop| *stop == Stop::NoProgress),
            epoch_loss: self.ranks.mean(self.kept.epoch_loss)?,
            recent_loss: self.ranks.mean(self.kept.recent_loss)?,
            ..self.kept.clone()
        };
        let method = self
            .ranks
            .joined(method_state(model).map_err(method_failed)?)?;
        let with_mean = self.ranks.with_mean_buffers(model)?;
        let model = with_mean.as_ref().unwrap_or(model);
        let ema = match &self.ema {
            Some(ema) => Some(
                self.ranks
                    .with_mean_buffers(ema.model())?
                    .map_or_else(|| ema.state(), |model| ema.state_as(&model))?,
            ),
            None => None,
        };
        if !self.ranks.writes() {
            self.last_checkpoint = Some(self.store.path(self.steps()));
            self.output.resume();
            return Ok(());
        }
        let mut checkpoint = Checkpoint::new(self.steps())
            .with_module(MODEL, model)?
            .with_state(OPTIMIZER, opt)?
            .with_value(
                RNG,
                &device_of(model).and_then(|device: D| rng_state(&device)),
            )?
            .with_value(RUN, &kept)?;
        checkpoint.score = score.filter(|score| !score.is_nan());
        if let Some(method) = method {
            checkpoint = checkpoint.with_part(METHOD, method);
        }
        if let Some(ema) = ema {
            checkpoint = checkpoint.with_part(EMA, ema);
        }
        self.last_checkpoint = Some(self.store.save(&checkpoint)?);
        self.output.resume();
        Ok(())
    }
}
