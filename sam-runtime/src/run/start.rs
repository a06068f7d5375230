//! [`Run`], and how one starts or goes on.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use dfdx::{prelude::*, tensor_ops::Device};
use serde::Serialize;

use super::{
    Ema, RunConfig, RunError,
    calls::Calls,
    checkpoint::{Checkpoint, CheckpointError, CheckpointStore},
    kept::Kept,
    left_out::LeftOut,
    output::Output,
    progress::tell,
    ranks::Ranks,
    resumed, save,
    stop::{Interrupt, Stop},
    used::Said,
};
use crate::{
    device::{RngState, Source},
    distributed::{Alone, World, sync_model},
    files::sweep,
    optim::{SaveState, StateError},
    position::{Followed, Position},
    step::{device_of, forget_method_state, set_method_state},
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
/// let config: RunConfig = load("run.toml")?;
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
/// # Two models
/// Models that are trained against each other, or beside each other, are a pair, as are their optimizers: `Run<(Generator,
/// Discriminator)>`, `run.step(models, opts)`. Checkpoints have them as `0.` and `1.`, and [`best_model`](super::best_model) gives both.
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
/// [`next_epoch`](Self::next_epoch), and what the [method](crate::step::methods) of its steps keeps from one to the
/// next.
pub struct Run<M> {
    pub(super) config: RunConfig,
    pub(super) ranks: Ranks,
    pub(super) store: CheckpointStore,
    pub(super) output: Output,
    pub(super) kept: Kept,
    /// The running mean of the weights.
    pub(super) ema: Option<Ema<M>>,
    /// Of several ranks, at an epoch's end: what there is to evaluate, with the mean of their buffers.
    pub(super) shown: Option<M>,
    /// Batches of an epoch.
    pub(super) batches: usize,
    pub(super) interrupt: Interrupt,
    pub(super) started: Instant,
    /// The last loss, if it is not finite.
    pub(super) lost: Option<f64>,
    pub(super) left_out: LeftOut,
    pub(super) last_checkpoint: Option<PathBuf>,
    pub(super) stop: Option<Stop>,
    /// After a resume, until the loop begins: where the generator of the model's device goes on.
    pub(super) rng: Option<(Source, RngState)>,
    /// Where this process has gone on, if it has, and until it turns out that an epoch's batches were done.
    pub(super) from: Option<Position>,
    /// The epoch that the loop takes from a loader.
    pub(super) followed: Followed,
    /// Whether this process knows how many batches an epoch has, and what they are.
    pub(super) knows_batches: bool,
    pub(super) knows_data: bool,
    /// What the loop has done in this epoch.
    pub(super) calls: Calls,
    pub(super) said: Said,
    /// What evaluations on other parts of the data than `test` have found in this epoch: split, name, value.
    pub(super) found: Vec<(Cow<'static, str>, Cow<'static, str>, f64)>,
    /// Why the run can't go on.
    pub(super) refused: Option<RunError>,
}

/// What the parts of a checkpoint are called.
pub(super) const MODEL: &str = "model";
pub(super) const OPTIMIZER: &str = "optimizer";
pub(super) const EMA: &str = "ema";
pub(super) const METHOD: &str = "method";
pub(super) const RNG: &str = "rng";
pub(super) const RUN: &str = "run";

/// What the folder with the checkpoints is called.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// What the file with the configuration is called.
const CONFIG: &str = "config.toml";

impl<M: Clone> Run<M> {
    /// Starts a run, or goes on with one: then `model`, `opt` and the random numbers of the model's
    /// device become those of the last checkpoint. `all` is the whole configuration of the program, of which
    /// `config` is a part or all; it is written to `config.toml`. A run that goes on with another one than it
    /// has written there says on standard error what is different.
    ///
    /// # Errors
    /// [`RunError::Exists`] if the folder `out` has checkpoints and `resume` is not set, [`RunError::Config`] if a value of the
    /// configuration isn't allowed, [`RunError::Key`] if keys of it contradict each other. Else see [`RunError`].
    pub fn start<E: Dtype, D: Device<E>>(
        config: &RunConfig,
        all: &impl Serialize,
        model: &mut M,
        opt: &mut impl SaveState,
    ) -> Result<Self, RunError>
    where
        M: TensorCollection<E, D>,
    {
        Self::start_on(&Alone, config, all, model, opt)
    }

    /// The same on several ranks, which all call it. `model` becomes that of rank 0
    /// ([`sync_model`](crate::distributed::sync_model)); update it by an [`Averaged`](crate::distributed::Averaged) optimizer, and
    /// take the batches of a [`shard`](crate::data::DataLoader::shard).
    ///
    /// Rank 0 alone writes and tells; the others need not even see its files. Losses are means over the ranks, what an
    /// evaluation has found is that of rank 0. One rank that is asked to stop, or whose time is over, stops all at the same step.
    /// A run may be resumed on another number of ranks: where all ranks together take as many samples a step, and each chunk
    /// as many, it goes on as it would have.
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`RunError::World`].
    pub fn start_on<E: Dtype, D: Device<E>, W: World + Clone + Send + Sync + 'static>(
        world: &W,
        config: &RunConfig,
        all: &impl Serialize,
        model: &mut M,
        opt: &mut impl SaveState,
    ) -> Result<Self, RunError>
    where
        M: TensorCollection<E, D>,
    {
        let ranks = Ranks::new(world.clone());
        config.validate()?;
        if let Some((key, problem)) = config.contradiction() {
            return Err(RunError::Key { key, problem });
        }
        let given = config;
        let mut config = given.clone();
        if config.dry_run {
            config.out.push("dry-run");
            config.resume = false;
            config.epochs = 1;
        }
        let out = config.out.clone();
        let mut store = CheckpointStore::open(out.join(CHECKPOINTS))?.keep(config.checkpoints.keep);
        if let Some(best) = &config.checkpoints.best {
            store = store.keep_best(best.goal);
        }
        let last = match ranks.writes() {
            true => begin(&config, &store)?,
            false => None,
        };
        let last = ranks.checkpoint(last)?;
        let mut kept = Kept::default().watch(&config);
        let mut rng = None;
        // Another run may have trained a clone of the model.
        forget_method_state(model).map_err(method_failed)?;
        if let Some(last) = &last {
            kept = last.value::<Kept>(RUN)?.go_on(last.step, &config)?;
            last.load_module(MODEL, model)?;
            last.load_state(OPTIMIZER, opt)?;
            // SAM itself keeps nothing, nor does a checkpoint of an earlier version have it.
            if last.has(METHOD) {
                last.load_with(METHOD, |state| {
                    set_method_state(model, &ranks.own_chunks(state))
                })?;
            }
            // One of an earlier version has none.
            if last.has(RNG) {
                let source = device_of(model).and_then(|device: D| Source::of(&device));
                rng = source.zip(last.value(RNG)?);
            }
            if ranks.writes() {
                for line in resumed::differences(&out.join(CONFIG), all, given)? {
                    tell(&line);
                }
            } else {
                kept = kept.of_others();
            }
        }
        sync_model(world, model)?;
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
        let output = match ranks.writes() {
            true => {
                let written = out.join(CONFIG);
                sweep(&written).map_err(failed(&out, "write"))?;
                save(all, written)?;
                // A run may have been cut off before its first checkpoint, but after its first records.
                Output::open(&config, kept.step, kept.position)?
            }
            false => Output::none(),
        };
        Ok(Self {
            output,
            ranks,
            shown: None,
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
            calls: Calls::default(),
            said: Said::default(),
            found: Vec::new(),
            refused: None,
            config,
        })
    }
}

/// Takes the folder of a run, before anything is written in it: the checkpoint to go on from.
fn begin(config: &RunConfig, store: &CheckpointStore) -> Result<Option<Checkpoint>, RunError> {
    store.lock()?;
    if config.dry_run {
        clear(&config.out, store)?;
    }
    match config.resume {
        true => Ok(store.latest()?),
        false if store.steps()?.is_empty() => Ok(None),
        false => Err(RunError::Exists {
            out: config.out.clone(),
        }),
    }
}

/// Why what a method keeps can't be read or forgotten.
pub(super) fn method_failed(reason: StateError) -> CheckpointError {
    CheckpointError::State {
        name: METHOD.to_owned(),
        reason,
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
