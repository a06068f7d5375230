//! Trains one network twice on images with 40 % wrong labels, with SGD and with SAM: the same loop,
//! without and with the attribute. Needs no download.
//!
//! ```console
//! cargo run --release --example quickstart
//! ```

use std::time::Instant;

use clap::{Parser, ValueEnum};
use dfdx::{optim::*, prelude::*};
use indicatif::{ProgressBar, ProgressStyle};
use sam_runtime::{
    analysis::{accuracy, sharpness},
    data::{Classifier, TrainingDevice},
    prelude::*,
};
use serde::Serialize;

/// The network.
type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);

/// Images with wrong labels among them.
type Noisy = LabelNoise<TakeFirst<Images<Rank1<784>, 10>>>;

/// Images per step.
const BATCH: usize = 100;
const EPOCHS: usize = 30;
/// SAM's radius.
const RHO: f64 = 0.5;

/// Compares SGD and SAM on drawn digits with wrong labels.
#[derive(Parser)]
struct Options {
    /// Seeds the images, the wrong labels, the order and the initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute; `cuda` takes a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = On::Cpu)]
    device: On,
}

#[derive(Clone, Copy, ValueEnum)]
enum On {
    /// The processor
    Cpu,
    /// The first NVIDIA GPU
    #[cfg(feature = "cuda")]
    Cuda,
}

/// What both loops are given beside the model and the optimizer.
struct Run<'a, D> {
    device: &'a D,
    loader: &'a DataLoader<Noisy, BATCH>,
    /// Advances by one with every step; silent where the output is not a terminal.
    bar: ProgressBar,
}

fn train_sgd<D: TrainingDevice, N: Classifier<Rank1<784>, BATCH, 10, D>>(
    model: &mut N,
    opt: &mut Sgd<N, f32, D>,
    run: &Run<D>,
) -> anyhow::Result<()> {
    let mut grads = model.alloc_grads();
    for epoch in 0..EPOCHS {
        for (x, y) in run.loader.epoch(run.device, epoch) {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.bar.set_message(format!("{:.3}", loss.array()));
            run.bar.inc(1);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(())
}

#[sam_train(rho = RHO, norm = "l2")]
fn train_sam<D: TrainingDevice, N: Classifier<Rank1<784>, BATCH, 10, D>>(
    model: &mut N,
    opt: &mut Sgd<N, f32, D>,
    run: &Run<D>,
) -> anyhow::Result<()> {
    let mut grads = model.alloc_grads();
    for epoch in 0..EPOCHS {
        for (x, y) in run.loader.epoch(run.device, epoch) {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            run.bar.set_message(format!("{:.3}", loss.array()));
            run.bar.inc(1);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(())
}

/// What a trained network is worth.
#[derive(Serialize)]
struct Trained {
    test_accuracy: f64,
    /// Share of the training images that are given their label, the wrong ones included.
    train_accuracy: f64,
    /// `L(w + e) - L(w)` on ten training batches, for the best `e` of length rho.
    sharpness: f64,
    /// Of training.
    seconds: f64,
}

/// Both, side by side.
#[derive(Serialize)]
struct Comparison {
    sgd: Trained,
    sam: Trained,
    /// From start to end.
    seconds: f64,
}

type Train<N, D> = fn(&mut N, &mut Sgd<N, f32, D>, &Run<'_, D>) -> anyhow::Result<()>;

/// Trains the same network, from the same weights and on the same batches, in both ways.
fn compare<D: TrainingDevice>(seed: u64, device: &D) -> anyhow::Result<()>
where
    Mlp: BuildOnDevice<D, f32>,
    Built<Mlp, D>: Classifier<Rank1<784>, BATCH, 10, D>,
{
    let start = Instant::now();
    let images = Glyphs::train(4_000, seed).take_first(4_000);
    let train = LabelNoise::symmetric(images, 0.4, seed)?;
    let test = Glyphs::test(2_000, seed);
    println!(
        "{} training images, {} of them with a wrong label; {} test images; {EPOCHS} epochs",
        train.len(),
        train.changed(),
        test.len(),
    );
    let loader = DataLoader::new(train)?.seed(seed);
    let initial = Mlp::build_on_device(device);
    let run = |name: &'static str, train: Train<Built<Mlp, D>, D>| -> anyhow::Result<Trained> {
        let mut model = initial.clone();
        let config = SgdConfig {
            lr: 0.1,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: None,
        };
        let mut opt = Sgd::new(&model, config);
        let bar = bar(name, EPOCHS * loader.len())?;
        let run = Run {
            device,
            loader: &loader,
            bar,
        };
        let begin = Instant::now();
        train(&mut model, &mut opt, &run)?;
        run.bar.finish();
        let seconds = begin.elapsed().as_secs_f64();
        let batches = loader.epoch(device, 0).take(10);
        let sharpness = sharpness(&model, batches, RHO, Norm::L2, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        })?;
        Ok(Trained {
            test_accuracy: accuracy(&model, chunks(&test, device, 500)),
            train_accuracy: accuracy(&model, chunks(loader.dataset(), device, 500)),
            sharpness: sharpness.value(),
            seconds,
        })
    };
    let (sgd, sam) = (run("SGD", train_sgd)?, run("SAM", train_sam)?);
    let seconds = start.elapsed().as_secs_f64();
    show(&Comparison { sgd, sam, seconds })
}

/// A progress bar over `steps` steps.
fn bar(name: &'static str, steps: usize) -> anyhow::Result<ProgressBar> {
    let style = "{prefix} {wide_bar:.cyan/blue} {pos}/{len} steps, {eta} left, loss {msg}";
    let style = ProgressStyle::with_template(style)?;
    Ok(ProgressBar::new(steps as u64)
        .with_style(style)
        .with_prefix(name))
}

/// Prints a table, and the same as a line of JSON.
fn show(found: &Comparison) -> anyhow::Result<()> {
    let row = |name: &str, show: &dyn Fn(&Trained) -> String| {
        println!(
            "{name:<38} {:>10} {:>10}",
            show(&found.sgd),
            show(&found.sam)
        );
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    println!("{:<38} {:>10} {:>10}", "", "SGD", "SAM");
    row("test accuracy", &|t| percent(t.test_accuracy));
    row("train accuracy, wrong labels included", &|t| {
        percent(t.train_accuracy)
    });
    row("sharpness at rho", &|t| format!("{:.3}", t.sharpness));
    row("training time", &|t| format!("{:.1} s", t.seconds));
    println!("{}", serde_json::to_string(found)?);
    Ok(())
}

/// The first GPU.
#[cfg(feature = "cuda")]
fn gpu(seed: u64) -> anyhow::Result<Cuda> {
    Cuda::try_seed_from_u64(seed).map_err(|error| anyhow::anyhow!("the GPU can't be used: {error}"))
}

fn main() -> anyhow::Result<()> {
    let Options { seed, device } = Options::parse();
    match device {
        On::Cpu => compare(seed, &Cpu::seed_from_u64(seed)),
        #[cfg(feature = "cuda")]
        On::Cuda => compare(seed, &gpu(seed)?),
    }
}
