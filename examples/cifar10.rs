//! Trains a residual network on CIFAR-10, with SGD or with SAM.
//!
//! ```console
//! cargo run --release --features run --example cifar10 -- --data DIR --model resnet20 --epochs 2 --aug basic
//! ```
//!
//! `DIR` holds the files of the binary version: `data_batch_1.bin` to `data_batch_5.bin` and
//! `test_batch.bin`. All else is in `cifar10.toml`, or in another file that `--config` names.

use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Parser, ValueEnum};
use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Augment, Cifar10, Classifier, TrainingDevice},
    device::{Layers, keep_freed_memory},
    distributed::{self, Averaged, Launched, World},
    nn::{ResNet20, ResNet32, ResNet44, ResNet56, WideResNet16x4, weights},
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, best_model, load_with, stop::Stop},
};
use serde::{Deserialize, Serialize};

/// The configuration file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    data: PathBuf,
    model: Model,
    aug: Augmentation,
    train_images: usize,
    label_noise: f64,
    workers: usize,
    run: RunConfig,
}

#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Model {
    Resnet20,
    Resnet32,
    Resnet44,
    Resnet56,
    #[value(name = "wrn-16-4")]
    #[serde(rename = "wrn-16-4")]
    Wrn16x4,
}

/// What is done to training images.
#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Augmentation {
    /// Random crops after padding with black, and flips
    Basic,
    /// The paper's: crops after padding with mirrored pixels, flips, and a box of 16 x 16 cut out
    Cutout,
    /// The same, and AutoAugment as the paper's code has it
    Autoaugment,
}

/// Images per step, which the ranks share.
const BATCH: usize = 128;

type Image = Rank3<3, 32, 32>;
type Images = sam_runtime::data::Images<Image, 10>;
type Loader<const B: usize> = DataLoader<LabelNoise<TakeFirst<Images>>, B, Augment>;

#[sam_train(rho = run.rho())]
fn train<const B: usize, D: TrainingDevice, N: Classifier<Image, B, 10, D>>(
    run: &mut Run<N>,
    model: &mut N,
    opt: &mut Averaged<AnyOptimizer<N, f32, D>, Launched>,
    loader: &Loader<B>,
    test: &Images,
    dev: &D,
) -> anyhow::Result<()> {
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for batch in run.limit(loader.try_epoch(dev, from)) {
            let (x, y) = batch?;
            opt.set_lr(run.lr());
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.saw(loss.array(), B);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            if !run.step(model, opt)? {
                break;
            }
        }
        let accuracy = accuracy(run.evaluated(model), run.limit(chunks(test, dev, 500)));
        run.end_epoch(model, opt, &[("accuracy", accuracy)])?;
    }
    Ok(())
}

/// On one of several ranks, or alone, with `B` images per step.
fn run<const B: usize, N, D: TrainingDevice>(
    config: &Config,
    world: &Launched,
    dev: &D,
) -> anyhow::Result<Stop>
where
    N: BuildOnDevice<D, f32>,
    N::Built: Classifier<Image, B, 10, D>,
{
    let seed = config.run.seed;
    let images = Cifar10::train(&config.data)?.normalized(&Cifar10::STATS)?;
    let test = Cifar10::test(&config.data)?.normalized(&Cifar10::STATS)?;
    let images = images.take_first(config.train_images);
    let noisy = LabelNoise::symmetric(images, config.label_noise, seed)?;
    let augment = match config.aug {
        Augmentation::Basic => Augment::basic(),
        Augmentation::Cutout => Augment::paper_cutout(),
        Augmentation::Autoaugment => Augment::paper_autoaugment(),
    };
    let loader = DataLoader::new(noisy)?.seed(seed).augment(augment);
    let loader = loader
        .workers(config.workers)
        .shard(world.rank(), world.size())?;

    let mut model = N::build_on_device(dev);
    let opt = AnyOptimizer::new(&model, &config.run.optimizer)?;
    let mut opt = Averaged::new(opt, world.clone());
    let mut run = Run::start_on(world, &config.run, config, &mut model, &mut opt)?;
    let is_first = run.writes();
    if is_first {
        say(format_args!(
            "{} parameters, {} training images, {} test images",
            model.num_trainable_params(),
            loader.dataset().len(),
            test.len()
        ));
    }
    train(&mut run, &mut model, &mut opt, &loader, &test, dev)?;
    let out = run.config().out.clone();
    if is_first {
        // Those whose accuracy was shown last.
        weights::save(run.evaluated(&model), out.join("weights.safetensors"))?;
    }
    let stop = run.finish()?;
    let is_over = !matches!(stop, Stop::Interrupted | Stop::TimeLimit);
    if is_first && is_over && config.run.checkpoints.best.is_some() {
        let best = best_model::<N, f32, D>(&out, dev)?;
        weights::save(&best, out.join("best.safetensors"))?;
    }
    if is_first {
        say(stop);
    }
    Ok(stop)
}

/// Trains the network that the configuration names.
fn run_on<const B: usize, D>(config: &Config, world: &Launched, dev: &D) -> anyhow::Result<Stop>
where
    D: TrainingDevice + Layers<f32>,
{
    match config.model {
        Model::Resnet20 => run::<B, ResNet20<10>, _>(config, world, dev),
        Model::Resnet32 => run::<B, ResNet32<10>, _>(config, world, dev),
        Model::Resnet44 => run::<B, ResNet44<10>, _>(config, world, dev),
        Model::Resnet56 => run::<B, ResNet56<10>, _>(config, world, dev),
        Model::Wrn16x4 => run::<B, WideResNet16x4<10>, _>(config, world, dev),
    }
}

/// Trains a residual network on CIFAR-10, with SGD or with SAM.
#[derive(Parser)]
struct Options {
    /// The configuration; left out, the one beside the program
    #[arg(long)]
    config: Option<PathBuf>,
    /// A change to it, such as `run.checkpoints.keep=5`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder with the data [set: data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The folder for what the run writes [set: run.out]
    #[arg(long)]
    out: Option<PathBuf>,
    /// The network [set: model]
    #[arg(long, value_enum)]
    model: Option<Model>,
    /// What is done to training images [set: aug]
    #[arg(long, value_enum)]
    aug: Option<Augmentation>,
    /// With SAM, or with its base optimizer alone [set: run.rho]
    #[arg(long, value_enum)]
    optimizer: Option<Optimizers>,
    /// SAM's radius [set: run.rho]
    #[arg(long, conflicts_with = "optimizer")]
    rho: Option<f64>,
    /// Passes over the training images [set: run.epochs]
    #[arg(long)]
    epochs: Option<usize>,
    /// Seeds the order, the augmentation, wrong labels and the initial weights [set: run.seed]
    #[arg(long)]
    seed: Option<u64>,
    /// How many training images to use, from the first on [set: train_images]
    #[arg(long)]
    train_images: Option<usize>,
    /// The share of training images that get a wrong label [set: label_noise]
    #[arg(long)]
    label_noise: Option<f64>,
    /// Go on from the last checkpoint in the folder [set: run.resume]
    #[arg(long)]
    resume: bool,
    /// One batch of everything, to see that it works [set: run.dry_run]
    #[arg(long)]
    dry_run: bool,
    /// Where to compute; `cuda` takes a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = On::Cpu)]
    device: On,
}

#[derive(Clone, Copy, ValueEnum)]
enum Optimizers {
    Sgd,
    Sam,
}

#[derive(Clone, Copy, ValueEnum)]
enum On {
    /// The processor
    Cpu,
    /// The first NVIDIA GPU
    #[cfg(feature = "cuda")]
    Cuda,
}

impl Options {
    /// The configuration, with the changes.
    fn config(&self) -> anyhow::Result<Config> {
        let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cifar10.toml"));
        let file = self.config.clone().unwrap_or_else(beside);
        let mut changes = Vec::new();
        let mut set = |key: &str, value: Option<String>| {
            changes.extend(value.map(|value| format!("{key}={value}")));
        };
        let path = |path: &PathBuf| format!("{:?}", path.display().to_string());
        set("data", self.data.as_ref().map(path));
        set("run.out", self.out.as_ref().map(path));
        let rho = match self.optimizer {
            Some(Optimizers::Sgd) => Some(0.0),
            Some(Optimizers::Sam) | None => self.rho,
        };
        let constant = |rho| format!("{{ kind = 'constant', value = {rho:?} }}");
        set("run.rho", rho.map(constant));
        set("run.epochs", self.epochs.map(|n| n.to_string()));
        set("run.seed", self.seed.map(|n| n.to_string()));
        set("train_images", self.train_images.map(|n| n.to_string()));
        let noise = self.label_noise.map(|share| format!("{share:?}"));
        set("label_noise", noise);
        set("run.resume", self.resume.then(|| "true".to_owned()));
        set("run.dry_run", self.dry_run.then(|| "true".to_owned()));
        changes.extend_from_slice(&self.set);
        let mut config: Config = load_with(file, &changes)?;
        config.model = self.model.unwrap_or(config.model);
        config.aug = self.aug.unwrap_or(config.aug);
        Ok(config)
    }
}

/// As `println!`, but for a reader that has gone, as in `| head -1`: that is no reason to end a training.
fn say(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// The first GPU.
#[cfg(feature = "cuda")]
fn gpu(seed: u64) -> anyhow::Result<Cuda> {
    Cuda::try_seed_from_u64(seed).map_err(|error| anyhow::anyhow!("the GPU can't be used: {error}"))
}

/// Where the options say, with `B` images per step on each rank.
fn on<const B: usize>(device: On, config: &Config, world: &Launched) -> anyhow::Result<Stop> {
    let seed = config.run.seed;
    match device {
        On::Cpu => run_on::<B, _>(config, world, &Cpu::seed_from_u64(seed)),
        #[cfg(feature = "cuda")]
        On::Cuda => run_on::<B, _>(config, world, &gpu(seed)?),
    }
}

fn main() -> anyhow::Result<Stop> {
    keep_freed_memory();
    let options = Options::parse();
    let config = options.config()?;
    distributed::run(|world| match world.size() {
        1 => on::<BATCH>(options.device, &config, &world),
        #[cfg(feature = "mpi")]
        2 => on::<{ BATCH / 2 }>(options.device, &config, &world),
        #[cfg(feature = "mpi")]
        4 => on::<{ BATCH / 4 }>(options.device, &config, &world),
        ranks => {
            anyhow::bail!("1, 2 or 4 ranks can share the {BATCH} images of a step, not {ranks}")
        }
    })
}
