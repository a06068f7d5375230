//! Trains a residual network on CIFAR-10, with SGD or with SAM.
//!
//! ```console
//! cargo run --release --features run --example cifar10 -- --data DIR --model resnet20 --epochs 2 --aug basic
//! ```
//!
//! `DIR` holds the files of the binary version: `data_batch_1.bin` to `data_batch_5.bin` and
//! `test_batch.bin`. All else is in `cifar10.toml`, or in another file that `--config` names.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use dfdx::{optim::Optimizer, prelude::*};
use sam_examples::{Network, Options, Trainer, accuracy, on_device, say};
use sam_runtime::{
    data::{Augment, Cifar10},
    device::keep_freed_memory,
    nn::{ResNet20, ResNet32, ResNet44, ResNet56, WideResNet16x4, weights},
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, load, stop::Stop},
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

/// Images per step.
const BATCH: usize = 128;

type Image = Rank3<3, 32, 32>;
type Images = sam_runtime::data::Images<Image, 10>;
type Loader = DataLoader<LabelNoise<TakeFirst<Images>>, BATCH, Augment>;

#[sam_train(rho = run.rho())]
fn train<D: Trainer, N: Network<Image, BATCH, D>>(
    run: &mut Run<N>,
    model: &mut N,
    opt: &mut AnyOptimizer<N, f32, D>,
    loader: &Loader,
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
            run.saw(loss.array(), BATCH);
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

fn run<N, D: Trainer>(config: &Config, dev: &D) -> anyhow::Result<Stop>
where
    N: BuildOnDevice<D, f32>,
    N::Built: Network<Image, BATCH, D>,
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
    let loader = loader.workers(config.workers);

    let mut model = N::build_on_device(dev);
    let mut opt = AnyOptimizer::new(&model, &config.run.optimizer)?;
    let mut run = Run::start(&config.run, config, &mut model, &mut opt)?;
    say!(
        "{} parameters, {} training images, {} test images",
        model.num_trainable_params(),
        loader.dataset().len(),
        test.len()
    );
    train(&mut run, &mut model, &mut opt, &loader, &test, dev)?;
    // Those whose accuracy was shown.
    let weights = run.config().out.join("weights.safetensors");
    weights::save(run.evaluated(&model), weights)?;
    let stop = run.finish()?;
    say!("{stop}");
    Ok(stop)
}

/// Trains a residual network on CIFAR-10, with SGD or with SAM.
#[derive(Parser)]
struct Arguments {
    /// The network [set: model]
    #[arg(long, value_enum)]
    model: Option<Model>,
    /// What is done to training images [set: aug]
    #[arg(long, value_enum)]
    aug: Option<Augmentation>,
    #[command(flatten)]
    options: Options,
}

fn main() -> anyhow::Result<Stop> {
    keep_freed_memory();
    let Arguments {
        model,
        aug,
        options,
    } = Arguments::parse();
    let mut config: Config = load(options.file("cifar10.toml"), &options.changes())?;
    config.model = model.unwrap_or(config.model);
    config.aug = aug.unwrap_or(config.aug);
    on_device!(
        options.on.device,
        config.run.seed,
        |dev| match config.model {
            Model::Resnet20 => run::<ResNet20<10>, _>(&config, &dev),
            Model::Resnet32 => run::<ResNet32<10>, _>(&config, &dev),
            Model::Resnet44 => run::<ResNet44<10>, _>(&config, &dev),
            Model::Resnet56 => run::<ResNet56<10>, _>(&config, &dev),
            Model::Wrn16x4 => run::<WideResNet16x4<10>, _>(&config, &dev),
        }
    )
}
