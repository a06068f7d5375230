//! What a run does after each step and each epoch, and at its end.

use std::{borrow::Cow, mem};

use dfdx::{prelude::*, tensor_ops::Device};

use super::{
    Ema, Run, RunError,
    calls::Calls,
    checkpoint::{Checkpoint, Scored},
    found::Found,
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
    /// Records have the learning rate and rho that the step was made with. Where these are not the configuration's, a line on
    /// standard error says so, once.
    ///
    /// A step whose batch was left out (`nonfinite = "skip"`) counts, but its loss does not; records and the end of
    /// the run say how many there were.
    ///
    /// # Errors
    /// [`RunError::NonFinite`] if the loss that the run [saw](Self::saw) is not finite; then the last good
    /// checkpoint is named. [`RunError::Forgotten`] outside an epoch that [`next_epoch`](Self::next_epoch) gave. Else see
    /// [`RunError`].
    pub fn step<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
    ) -> Result<bool, RunError>
    where
        M: TensorCollection<E, D>,
    {
        if let Some(error) = self.forgotten_epoch("the loop makes a step that belongs to no epoch")
        {
            return Err(error);
        }
        self.learn_data()?;
        self.calls.is_evaluated.set(false);
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
        let (lr, rho) = self.used(opt.learning_rate(), report.as_ref());
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
    ///
    /// The checkpoint of an epoch's end notes whether its score is of this or, where the loop didn't ask, of `model`:
    /// [`best_model`](super::best_model) gives the one that was evaluated.
    pub fn evaluated<'a>(&'a self, model: &'a M) -> &'a M {
        self.calls.is_evaluated.set(true);
        match (&self.shown, &self.ema) {
            (Some(shown), _) => shown,
            (None, Some(ema)) => ema.model(),
            (None, None) => model,
        }
    }

    /// Takes what an evaluation on another part of the data than `test` has found, as `validation`: for the records, and for
    /// the rules that watch a value. To be called before [`end_epoch`](Self::end_epoch), which writes it down. The split `train`
    /// is that of what is recorded step by step: give an evaluation on training data another name.
    ///
    /// Of several ranks, all call it, with as many values; those of rank 0 count.
    ///
    /// ```no_run
    /// # use sam_runtime::run::{Run, RunError};
    /// # fn evaluate<M: Clone>(run: &mut Run<M>) {
    /// let classes = vec![("cat".to_owned(), 0.91), ("dog".to_owned(), 0.87)];
    /// run.found("validation", [("accuracy", 0.89)]);
    /// run.found("classes", classes);
    /// # }
    /// ```
    pub fn found<N: Into<Cow<'static, str>>>(
        &mut self,
        split: impl Into<Cow<'static, str>>,
        values: impl IntoIterator<Item = (N, f64)>,
    ) {
        let split = split.into();
        let values = values.into_iter();
        self.found
            .extend(values.map(|(name, value)| (split.clone(), name.into(), value)));
    }

    /// Ends an epoch, with what an evaluation has found on test data, such as `("accuracy", 0.93)`, under any names; what was
    /// [found](Self::found) on other data belongs to it too. Records it, and the epoch's mean training loss (`train_loss` of
    /// the split `epoch`), writes a checkpoint, and sees whether there is still progress. Does nothing where the loop was left
    /// because the run had to stop.
    ///
    /// Rules watch a value by its name, or, as `validation/accuracy`, by split and name. Of equal names that of test data
    /// counts, then the first one.
    ///
    /// # Errors
    /// [`RunError::Forgotten`] outside an epoch that [`next_epoch`](Self::next_epoch) gave, and after one whose batches were
    /// trained on [without a step](Self::step). Else see [`RunError`].
    pub fn end_epoch<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
        found: &[(&str, f64)],
    ) -> Result<(), RunError>
    where
        M: TensorCollection<E, D>,
    {
        if self.stop.is_some_and(|stop| stop != Stop::DryRun) {
            return Ok(());
        }
        let forgotten = self
            .forgotten_epoch("the loop ends an epoch that it has not begun, or has ended before")
            .or_else(|| self.forgotten_step());
        if let Some(error) = forgotten {
            return Err(error);
        }
        self.learn_data()?;
        let loss = mem::take(&mut self.kept.epoch_loss);
        let loss = self.ranks.mean(loss)?.value();
        let found = Found::of(found, mem::take(&mut self.found), &self.ranks)?;
        self.output.end_epoch(loss, found.shown());
        for (split, values) in found.splits() {
            let record = values.fold(self.record(split), |record, (name, value)| {
                record.with(name, value)
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
            let is_loss = on == names::TRAIN_LOSS;
            found
                .value(on)
                .or(is_loss.then_some(loss))
                .ok_or_else(|| RunError::Value {
                    on: on.to_owned(),
                    known: found.known(),
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
        // The training loss is that of the weights themselves.
        let is_of_mean = self.ema.is_some()
            && self.calls.is_evaluated.get()
            && best.is_some_and(|best| found.value(&best.on).is_some());
        let scored = best.map(|best| Scored {
            on: best.on.clone(),
            goal: best.goal,
            model: if is_of_mean { EMA } else { MODEL }.to_owned(),
        });
        self.calls = Calls::default();
        self.kept.position = Position {
            epoch: self.kept.position.epoch + 1,
            batch: 0,
        };
        self.checkpoint(model, opt, score.zip(scored))
    }

    /// Ends the run: why it ended. Draws its curves, with the feature `plot`, and says on standard error in
    /// which folder all is, if `log.progress` is set.
    ///
    /// Return the [`Stop`] from `main`, and the program's exit status tells whether the run is done.
    ///
    /// # Errors
    /// [`RunError::Position`] if it could not go on where it was; [`RunError::Forgotten`] if the loop leaves out a call, or was
    /// left within an epoch of which it had made steps: to end a run early, leave the loop over the batches, and call
    /// [`end_epoch`](Self::end_epoch) before you leave the one over the epochs. Else see [`RunError`].
    pub fn finish(mut self) -> Result<Stop, RunError> {
        if let Some(refused) = self.refused.take().or_else(|| self.forgotten_end()) {
            // What was recorded is to be there nevertheless; this error comes first, whatever else is wrong.
            let _ = self.output.finish(&self.config);
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
        let is_done = self.kept.position.epoch >= self.config.epochs;
        let stop = self.stop.unwrap_or(match is_done {
            true => Stop::Finished,
            false => Stop::Left,
        });
        self.output.finish(&self.config)?;
        Ok(stop)
    }

    fn checkpoint<E: Dtype, D: Device<E>>(
        &mut self,
        model: &M,
        opt: &impl SaveState,
        score: Option<(f64, Scored)>,
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
        if let Some((score, scored)) = score.filter(|(score, _)| !score.is_nan()) {
            checkpoint = checkpoint.score(score).scored(scored);
        }
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
