//! Trains a residual network on CIFAR-10, with SGD or with SAM.
//!
//! ```console
//! cargo run --release --example cifar10 -- --data DIR --model resnet20 --epochs 2 --aug basic
//! ```
//!
//! `DIR` holds the files of the binary version: `data_batch_1.bin` to `data_batch_5.bin` and
//! `test_batch.bin`.

use std::{path::PathBuf, time::Instant};

use clap::{Parser, ValueEnum};
use dfdx::{optim::*, prelude::*};
use sam_examples::{CIFAR_BATCH, CifarNetwork, bar};
use sam_runtime::{
    analysis::correct,
    data::{Augment, Cifar10},
    device::keep_freed_memory,
    nn::{ResNet20, ResNet32, ResNet44, ResNet56, WideResNet16x4, weights},
    prelude::*,
};

/// Trains a residual network on CIFAR-10.
#[derive(Parser)]
struct Options {
    /// The folder with the binary files
    #[arg(long)]
    data: PathBuf,
    #[arg(long, value_enum, default_value = "resnet20")]
    model: Model,
    #[arg(long, value_enum, default_value = "sam")]
    optimizer: Method,
    /// Passes over the training images
    #[arg(long, default_value_t = 2)]
    epochs: usize,
    #[arg(long, value_enum, default_value = "basic")]
    aug: Augmentation,
    /// How many training images to use, from the first on; there are 50,000
    #[arg(long, default_value_t = 50_000)]
    train_images: usize,
    /// The share of training images that get a wrong label
    #[arg(long, default_value_t = 0.0)]
    label_noise: f64,
    /// SAM's radius
    #[arg(long, default_value_t = 0.05)]
    rho: f64,
    /// The highest learning rate; it falls to 0 along a cosine
    #[arg(long, default_value_t = 0.1)]
    lr: f64,
    /// Seeds the order, the augmentation and the initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Writes the weights to this file, as safetensors with PyTorch's names
    #[arg(long)]
    save: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Model {
    Resnet20,
    Resnet32,
    Resnet44,
    Resnet56,
    #[value(name = "wrn-16-4")]
    Wrn16x4,
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Sgd,
    Sam,
}

/// The columns of the paper's table 1.
#[derive(Clone, Copy, ValueEnum)]
enum Augmentation {
    /// Random crops and flips
    Basic,
    /// Those, and a box of 16 x 16 cut out
    Cutout,
    /// Those, and AutoAugment's policy for CIFAR-10
    Autoaugment,
}

type Images = sam_runtime::data::Images<Rank3<3, 32, 32>, 10>;
type Loader = DataLoader<LabelNoise<TakeFirst<Images>>, CIFAR_BATCH, Augment>;

/// One pass over the training images; the mean loss. With `rho` 0 it is plain SGD.
#[sam_train(rho = rho)]
fn train<N: CifarNetwork>(
    model: &mut N,
    opt: &mut Sgd<N, f32, Cpu>,
    loader: &Loader,
    epoch: usize,
    lr: &Schedule,
    rho: f64,
) -> anyhow::Result<f64> {
    let dev = Cpu::default();
    let bar = bar("epoch", loader.len());
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (i, (x, y)) in loader.epoch(&dev, epoch).enumerate() {
        opt.cfg.lr = lr.at((epoch * loader.len() + i) as u64);
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        total += f64::from(loss.array());
        bar.set_message(format!("{:.3}", loss.array()));
        bar.inc(1);
        grads = loss.backward();
        opt.update(model, &grads)?;
        model.zero_grads(&mut grads);
    }
    bar.finish_and_clear();
    Ok(total / loader.len() as f64)
}

fn run<N>(options: &Options) -> anyhow::Result<()>
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: CifarNetwork,
{
    let images = Cifar10::train(&options.data)?.normalized(&Cifar10::STATS)?;
    let test = Cifar10::test(&options.data)?.normalized(&Cifar10::STATS)?;
    let images = images.take_first(options.train_images);
    let noisy = LabelNoise::symmetric(images, options.label_noise, options.seed)?;
    let augment = match options.aug {
        Augmentation::Basic => Augment::basic(),
        Augmentation::Cutout => Augment::paper_cutout(),
        Augmentation::Autoaugment => Augment::paper_autoaugment(),
    };
    let loader = DataLoader::new(noisy)?.seed(options.seed).augment(augment);

    let dev = Cpu::seed_from_u64(options.seed);
    let mut model = dev.build_module::<N, f32>();
    let config = SgdConfig {
        lr: options.lr,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: Some(WeightDecay::L2(5e-4)),
    };
    let mut opt = Sgd::new(&model, config);
    let lr = Schedule::cosine(options.lr, 0.0, (options.epochs * loader.len()) as u64);
    let rho = match options.optimizer {
        Method::Sgd => 0.0,
        Method::Sam => options.rho,
    };
    println!(
        "{} parameters, {} training images, {} test images",
        model.num_trainable_params(),
        loader.dataset().len(),
        test.len()
    );
    for epoch in 0..options.epochs {
        let start = Instant::now();
        let loss = train(&mut model, &mut opt, &loader, epoch, &lr, rho)?;
        let seconds = start.elapsed().as_secs_f64();
        let right: usize = chunks(&test, &dev, 500)
            .map(|(x, y)| correct(&model.forward(x), &y))
            .sum();
        println!(
            "epoch {}: training loss {loss:.3}, test accuracy {:.1} %, {seconds:.0} s",
            epoch + 1,
            100.0 * right as f64 / test.len() as f64
        );
    }
    if let Some(file) = &options.save {
        weights::save(&model, file)?;
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    keep_freed_memory();
    let options = Options::parse();
    match options.model {
        Model::Resnet20 => run::<ResNet20<10>>(&options),
        Model::Resnet32 => run::<ResNet32<10>>(&options),
        Model::Resnet44 => run::<ResNet44<10>>(&options),
        Model::Resnet56 => run::<ResNet56<10>>(&options),
        Model::Wrn16x4 => run::<WideResNet16x4<10>>(&options),
    }
}
