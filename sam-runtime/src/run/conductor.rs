//! The run: one object that the training loop asks for what it needs and tells what it has done.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    time::Instant,
};

use dfdx::{prelude::*, tensor_ops::Device};
use serde::Serialize;

use super::{
    Ema, RunConfig, RunError,
    checkpoint::{Checkpoint, CheckpointStore},
    kept::Kept,
    left_out::LeftOut,
    metrics::{Record, names},
    output::{Output, TRAIN},
    progress::tell,
    resumed, save,
    stop::{Interrupt, Stop},
};
use crate::{
    device::{RngState, Source, rng_state},
    files::sweep,
    last_report,
    optim::SaveState,
    position::{Followed, Position},
    step::{StepReport, device_of},
};

/// A run: it counts steps and epochs, knows the learning rate and rho, writes checkpoints and metrics, and
/// says when to stop. The loop stays the user's.
///
/// ```no_run
/// use sam_runtime::{
///     dfdx::{optim::Optimizer, prelude::*},
///     optim::AnyOptimizer,
///     prelude::*,
///     run::{Run, RunConfig, load},
/// };
///
/// type Net = Built<Linear<784, 10>>;
///
/// #[sam_train(rho = run.rho())]
/// fn train(
///     run: &mut Run<Net>,
///     model: &mut Net,
///     opt: &mut AnyOptimizer<Net, f32, Cpu>,
///     loader: &DataLoader<Images<Rank1<784>, 10>, 64>,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let dev = Cpu::default();
///     let mut grads = model.alloc_grads();
///     while let Some(from) = run.next_epoch(loader.len()) {
///         for (x, y) in run.limit(loader.epoch(&dev, from)) {
///             opt.set_lr(run.lr());
///             let logits = model.forward_mut(x.traced(grads));
///             let loss = cross_entropy_with_logits_loss(logits, y);
///             run.saw(loss.array(), 64);
///             grads = loss.backward();
///             opt.update(model, &grads)?;
///             model.zero_grads(&mut grads);
///             if !run.step(model, opt)? {
///                 break;
///             }
///         }
///         run.end_epoch(model, opt, &[])?;
///     }
///     Ok(())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: RunConfig = load("run.toml", &[] as &[&str])?;
/// let loader = DataLoader::new(Glyphs::train(4096, config.seed))?.seed(config.seed).workers(1);
/// let mut model = Cpu::seed_from_u64(config.seed).build_module::<Linear<784, 10>, f32>();
/// let mut opt = AnyOptimizer::new(&model, &config.optimizer)?;
/// let mut run = Run::start(&config, &config, &mut model, &mut opt)?;
/// train(&mut run, &mut model, &mut opt, &loader)?;
/// println!("{:?}", run.finish()?);
/// # Ok(())
/// # }
/// ```
///
/// # What a run writes
/// In the folder `out`: `config.toml`, the configuration that it used; `checkpoints/`;
/// `metrics.jsonl` and `metrics.csv`; with the feature `tensorboard`, the folder `tensorboard`; with the
/// feature `plot`, curves at the end.
///
/// # Resuming
/// A run that is cut off, at whatever moment, and started again with `resume` goes on from its last
/// checkpoint and ends with the same bits as one that was not: its data and augmentation are functions of
/// (seed, epoch, batch), as is what is drawn on the device of a loader's batch, and all the rest is in the
/// checkpoint. That includes the state of the generator of the model's device
/// ([`RngState`](crate::device::RngState)), from which it draws again once the loop has called
/// [`next_epoch`](Self::next_epoch).
pub struct Run<M> {
    config: RunConfig,
    store: CheckpointStore,
    output: Output,
    kept: Kept,
    /// The running mean of the weights.
    ema: Option<Ema<M>>,
    /// Batches of an epoch.
    batches: usize,
    interrupt: Interrupt,
    started: Instant,
    /// The last loss, if it is not finite.
    lost: Option<f64>,
    left_out: LeftOut,
    last_checkpoint: Option<PathBuf>,
    stop: Option<Stop>,
    /// After a resume, until the loop begins: where the generator of the model's device goes on.
    rng: Option<(Source, RngState)>,
    /// Where this process has gone on, if it has, and until it turns out that an epoch's batches were done.
    from: Option<Position>,
    /// The epoch that the loop takes from a loader.
    followed: Followed,
    /// Whether this process knows how many batches an epoch has, and what they are.
    knows_batches: bool,
    knows_data: bool,
    /// Why the run can't go on.
    refused: Option<RunError>,
}

/// What the parts of a checkpoint are called.
const MODEL: &str = "model";
const OPTIMIZER: &str = "optimizer";
const EMA: &str = "ema";
const RNG: &str = "rng";
pub(super) const RUN: &str = "run";

/// What the file with the configuration is called.
const CONFIG: &str = "config.toml";

impl<M: Clone> Run<M> {
    /// Starts a run, or goes on with one: then `model`, `opt` and the random numbers of the model's
    /// device become those of the last checkpoint. `all` is the whole configuration of the program, of which
    /// `config` is a part or all; it is written to `config.toml`. A run that goes on with another one than it
    /// has written there says on standard error what is different.
    ///
    /// # Errors
    /// [`RunError::Exists`] if the folder `out` has checkpoints and `resume` is not set. Else see
    /// [`RunError`].
    pub fn start<E: Dtype, D: Device<E>>(
        config: &RunConfig,
        all: &impl Serialize,
        model: &mut M,
        opt: &mut impl SaveState,
    ) -> Result<Self, RunError>
    where
        M: TensorCollection<E, D>,
    {
        let given = config;
        let mut config = given.clone();
        if config.dry_run {
            config.out.push("dry-run");
            config.resume = false;
            config.epochs = 1;
        }
        let out = config.out.clone();
        let mut store =
            CheckpointStore::open(out.join("checkpoints"))?.keep(config.checkpoints.keep);
        if let Some(best) = &config.checkpoints.best {
            store = store.keep_best(best.goal);
        }
        // Before anything is written, in the whole of `out`.
        store.lock()?;
        if config.dry_run {
            clear(&out, &store)?;
        }
        let last = match config.resume {
            true => store.latest()?,
            false if store.steps()?.is_empty() => None,
            false => return Err(RunError::Exists { out }),
        };
        let mut kept = Kept::default().watch(&config);
        let mut rng = None;
        if let Some(last) = &last {
            kept = last.value::<Kept>(RUN)?.go_on(last.step, &config)?;
            last.load_module(MODEL, model)?;
            last.load_state(OPTIMIZER, opt)?;
            // One of an earlier version has none.
            if last.has(RNG) {
                let source = device_of(model).and_then(|device: D| Source::of(&device));
                rng = source.zip(last.value(RNG)?);
            }
            for line in resumed::differences(&out.join(CONFIG), all, given)? {
                tell(&line);
            }
        }
        // One that is new at a resume begins at the weights of the checkpoint.
        let mut ema = config.ema.map(|ema| {
            let mean = Ema::new(model, ema.decay).buffers(ema.buffers);
            if ema.warmup { mean.warmup() } else { mean }
        });
        if let (Some(last), Some(ema)) = (&last, &mut ema)
            && last.has(EMA)
        {
            last.load_with(EMA, |state| ema.load_state(state))?;
        }
        let written = out.join(CONFIG);
        sweep(&written).map_err(failed(&out, "write"))?;
        save(all, written)?;
        Ok(Self {
            // A run may have been cut off before its first checkpoint, but after its first records.
            output: Output::open(&config, kept.step, kept.position)?,
            from: last.as_ref().map(|_| kept.position),
            last_checkpoint: last.map(|last| store.path(last.step)),
            store,
            stop: kept.stop,
            kept,
            ema,
            batches: 1,
            interrupt: Interrupt::listen(),
            started: Instant::now(),
            lost: None,
            left_out: LeftOut::default(),
            rng,
            followed: Followed::default(),
            knows_batches: false,
            knows_data: false,
            refused: None,
            config,
        })
    }
}

impl<M> Run<M> {
    /// The configuration, as this run uses it.
    pub fn config(&self) -> &RunConfig {
        &self.config
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
        self.config.lr(self.steps(), self.batches) * self.kept.plateau.factor
    }

    /// SAM's radius in the next step.
    pub fn rho(&self) -> f64 {
        self.config.rho(self.steps(), self.batches)
    }

    /// Where the next epoch, of `batches` batches, begins: after a resume in mid-epoch, in its middle, or
    /// even at its end, if only the evaluation is missing. `None` when the run is over, or can't go on:
    /// [`finish`](Self::finish) tells which.
    ///
    /// Of a [`DataLoader`](crate::data::DataLoader) whose [`len`](crate::data::DataLoader::len) this is, the
    /// run follows which batches the loop gets: one that could not be read, and is passed over, counts as
    /// one that is done with. It also sees whether, after a resume, they are those that they were.
    pub fn next_epoch(&mut self, batches: usize) -> Option<Position> {
        if let Some((source, state)) = self.rng.take() {
            source.go_on(&state);
        }
        if self.stop.is_none() && self.kept.position.epoch >= self.config.epochs {
            self.stop = Some(Stop::Finished);
        }
        // Perhaps during the evaluation.
        if self.stop.is_none() && self.interrupt.asked() && !self.config.dry_run {
            self.stop = Some(Stop::Interrupted);
        }
        if self.stop.is_some() || self.refused.is_some() {
            return None;
        }
        // For the first time in this process.
        if self.from.is_some() && !self.knows_batches {
            match self.kept.resumed_with(batches) {
                Ok(told) => told.into_iter().for_each(|line| tell(&line)),
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
    }

    /// Takes note of what the batches are, once the loader has told.
    fn learn_data(&mut self) -> Result<(), RunError> {
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
        if !loss.is_finite() {
            self.lost = Some(loss);
            return;
        }
        self.kept.epoch_loss.add(loss, samples);
        self.kept.recent_loss.add(loss, samples);
        self.output.saw(samples);
    }

    /// Seconds of training, those of earlier processes included.
    fn seconds(&self) -> f64 {
        self.kept.seconds + self.started.elapsed().as_secs_f64()
    }

    /// A record of this moment.
    fn record(&self, split: &'static str) -> Record {
        let Position { epoch, batch } = self.kept.position;
        let epoch = epoch as f64 + batch as f64 / self.batches.max(1) as f64;
        Record::new(self.steps(), epoch, split).seconds(self.seconds())
    }

    /// Adds up what steps have left out.
    fn count_left_out(&mut self) {
        let count = self.left_out.take();
        self.kept.left_out += count;
        self.kept.left_out_in_all += count;
    }

    /// What is wrong, if the last loss was not finite.
    fn check_loss(&self) -> Result<(), RunError> {
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
    fn asked_to_stop(&self) -> Option<Stop> {
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
        report.iter().for_each(|report| self.left_out.count(report));
        // On a GPU to ask means to wait, and only after such a loss there is something to ask.
        let left_out = self.lost.is_some() && report.as_ref().is_some_and(StepReport::skipped);
        if left_out {
            self.lost = None;
        }
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
            if self.kept.recent_loss.samples() > 0 {
                record.set(names::LOSS, self.kept.recent_loss.take());
            }
            if let Some(report) = &report {
                record = record
                    .with(names::RHO, rho)
                    .with_some(names::GRADIENT_NORM, report.gradient_norm())
                    .with_some(names::SHARPNESS, report.sharpness());
            }
            self.output.training(record)?;
        }
        let rho = report.map(|_| rho);
        self.output.step(self.kept.epoch_loss.value(), lr, rho);
        let at_end = self.kept.position.batch >= self.batches;
        self.stop = self.asked_to_stop();
        let every = self.config.checkpoints.every;
        // At an epoch's end, an evaluation follows, which may take long.
        let due = at_end || (every > 0 && self.kept.step.is_multiple_of(every));
        if self.stop != Some(Stop::DryRun) && (due || self.stop.is_some()) {
            self.checkpoint(model, opt, None)?;
        }
        Ok(self.stop.is_none() && !at_end)
    }

    /// The model to evaluate: the running mean of the weights, if there is one, or `model` itself.
    pub fn evaluated<'a>(&'a self, model: &'a M) -> &'a M {
        self.ema.as_ref().map_or(model, Ema::model)
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
        let loss = self.kept.epoch_loss.take();
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
            ..self.kept.clone()
        };
        let mut checkpoint = Checkpoint::new(self.steps())
            .with_module(MODEL, model)?
            .with_state(OPTIMIZER, opt)?
            .with_value(
                RNG,
                &device_of(model).and_then(|device: D| rng_state(&device)),
            )?
            .with_value(RUN, &kept)?;
        checkpoint.score = score.filter(|score| !score.is_nan());
        if let Some(ema) = &self.ema {
            checkpoint = checkpoint.with_part(EMA, ema.state()?);
        }
        self.last_checkpoint = Some(self.store.save(&checkpoint)?);
        self.output.resume();
        Ok(())
    }
}

/// Removes what an earlier dry run has written, and nothing else.
fn clear(out: &Path, store: &CheckpointStore) -> Result<(), RunError> {
    store.clear()?;
    let written = [
        CONFIG,
        "curves.png",
        "curves.svg",
        "metrics.csv",
        "metrics.jsonl",
        "tensorboard",
    ];
    for path in written.map(|name| out.join(name)) {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else if path.exists() {
            fs::remove_file(&path)
        } else {
            Ok(())
        };
        removed.map_err(failed(&path, "remove"))?;
    }
    Ok(())
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> RunError {
    let path = path.to_owned();
    move |reason| RunError::File {
        path,
        action,
        reason,
    }
}
