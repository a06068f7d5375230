//! Fine-tuning: a network that learned on one set of pictures is trained on few of another, with SGD and with SAM. Three
//! ways: its head alone; all of it, the body slowly and with its statistics kept; and a new network, for comparison.
//! Needs no download.
//!
//! ```console
//! cargo run --release --features run,image --example finetune
//! cargo run --release --features run,image --example finetune -- \
//!     --train flowers/train --test flowers/test --weights body.safetensors
//! ```
//!
//! Folders hold one sub-folder of JPEG or PNG files for each of `CLASSES` classes. Without them, digits are drawn: the
//! network learns 0 to 4, and is then trained on 100 pictures of 5 to 9. For photographs, and weights of torchvision's,
//! have `Body` be `ResNet18Body`, `FEATURES` 512, `SIDE` 224 and `HEAD` `"fc."`, and `Whole` `ResNet18<CLASSES>`.

use std::path::{Path, PathBuf};

use clap::Parser;
use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Classifier, Fit, ImageFolder},
    nn::{self, Frozen, ResNet20, ResNet20Body, weights},
    optim::{Group, Sgd},
    prelude::*,
};
use serde::Serialize;

/// The network that has learned, without its head, and the features that it gives.
type Body = ResNet20Body;
const FEATURES: usize = 64;
/// The same with a head; what the names of the head's tensors begin with.
type Whole = ResNet20<CLASSES>;
const HEAD: &str = "linear.";
/// Rows and columns of a picture.
const SIDE: usize = 32;
const CLASSES: usize = 5;

/// Pictures per step.
const BATCH: usize = 25;
/// Passes over the pictures of the first network, and over those of the second with SAM. SGD has twice as many, so that
/// both compute as many gradients.
const EPOCHS: [usize; 2] = [4, 15];
/// SAM's radius.
const RHO: f64 = 0.05;

type Pictures = ImageFolder<Rank3<3, SIDE, SIDE>, CLASSES>;
type Loaded = Images<Rank3<3, SIDE, SIDE>, CLASSES>;

/// Fine-tunes a network on few pictures, with SGD and with SAM.
#[derive(Parser)]
struct Options {
    /// The folder with the pictures to train on; left out, digits are drawn
    #[arg(long, requires = "test", requires = "weights")]
    train: Option<PathBuf>,
    /// That with the pictures to test on
    #[arg(long, requires = "train")]
    test: Option<PathBuf>,
    /// What the network has learned, as safetensors with PyTorch's names
    #[arg(long, requires = "train")]
    weights: Option<PathBuf>,
    /// How often each way is gone
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

/// Accuracies on the test pictures, one for each seed.
#[derive(Serialize)]
struct Result {
    way: &'static str,
    sgd: Vec<f64>,
    sam: Vec<f64>,
}

/// Trains for so many epochs; the learning rate falls along half a cosine.
#[sam_train(rho = rho)]
fn train<N: Classifier<Rank3<3, SIDE, SIDE>, BATCH, CLASSES, Cpu>>(
    model: &mut N,
    opt: &mut Sgd<N, f32, Cpu>,
    loader: &DataLoader<Loaded, BATCH>,
    epochs: usize,
    rho: f64,
) -> anyhow::Result<()> {
    let lr = Schedule::cosine(opt.cfg.lr, 0.0, (epochs * loader.len()) as u64);
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    let mut step = 0;
    for epoch in 0..epochs {
        for (x, y) in loader.epoch(&dev, epoch) {
            opt.cfg.lr = lr.at(step);
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
            step += 1;
        }
    }
    Ok(())
}

fn momentum(lr: f64) -> SgdConfig {
    SgdConfig {
        lr,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::L2(5e-4)),
    }
}

/// Trains a network by one optimizer; its accuracy on the test pictures.
fn accuracy_of<N: Classifier<Rank3<3, SIDE, SIDE>, BATCH, CLASSES, Cpu>>(
    mut model: N,
    mut opt: Sgd<N, f32, Cpu>,
    data: &Data,
    seed: u64,
    rho: f64,
) -> anyhow::Result<f64> {
    let gradients = if rho > 0.0 { 2 } else { 1 };
    let loader = DataLoader::new(data.train.clone())?.seed(seed);
    train(
        &mut model,
        &mut opt,
        &loader,
        2 * EPOCHS[1] / gradients,
        rho,
    )?;
    let dev = Cpu::default();
    Ok(accuracy(&model, chunks(&data.test, &dev, 100)))
}

/// The pictures of the second network.
struct Data {
    train: Loaded,
    test: Loaded,
}

/// A head on a body that stays as it is: its parameters are none to dfdx, and so none to SAM.
fn head_alone(weights: &Path, data: &Data, seed: u64, rho: f64) -> anyhow::Result<f64> {
    let dev = Cpu::seed_from_u64(seed);
    let mut net = dev.build_module::<(Frozen<Body>, nn::Linear<FEATURES, CLASSES>), f32>();
    weights::load_with(&mut net.0, weights, &all_but_head())?;
    let opt = Sgd::new(&net, momentum(0.02));
    accuracy_of(net, opt, data, seed, rho)
}

/// All of it: a new head, and a body whose learning rate is a tenth and whose running statistics stay.
fn all_of_it(weights: &Path, data: &Data, seed: u64, rho: f64) -> anyhow::Result<f64> {
    let dev = Cpu::seed_from_u64(seed);
    let mut net = dev.build_module::<Whole, f32>();
    weights::load_with(&mut net, weights, &all_but_head())?;
    nn::freeze_batch_norm(&mut net, |_| true);
    let mut opt = Sgd::new(&net, momentum(0.02));
    opt.add_group(Group::new(|name, _| !name.starts_with(HEAD)).lr_factor(0.1))?;
    accuracy_of(net, opt, data, seed, rho)
}

/// A network that has learned nothing yet.
fn new(_: &Path, data: &Data, seed: u64, rho: f64) -> anyhow::Result<f64> {
    let net = Cpu::seed_from_u64(seed).build_module::<Whole, f32>();
    let opt = Sgd::new(&net, momentum(0.02));
    accuracy_of(net, opt, data, seed, rho)
}

/// What is read of a file: its head tells other classes apart.
fn all_but_head() -> weights::LoadOptions {
    weights::LoadOptions::new().all_but(|name| name.starts_with(HEAD))
}

/// Digits as PNG files: 0 to 4 in `first`, 5 to 9 in `train` and `test`.
fn draw(folder: &Path) -> anyhow::Result<()> {
    for (name, first, images) in [
        ("first", 0, Glyphs::train(4_000, 1)),
        ("train", 5, Glyphs::train(200, 2)),
        ("test", 5, Glyphs::test(2_000, 3)),
    ] {
        for digit in first..first + CLASSES {
            std::fs::create_dir_all(folder.join(name).join(digit.to_string()))?;
        }
        for index in 0..images.len() {
            let digit = index % 10;
            if (first..first + CLASSES).contains(&digit) {
                let file = folder.join(name).join(format!("{digit}/{index}.png"));
                let pixels = images.pixels(index)?;
                image::save_buffer(file, pixels, 28, 28, image::ColorType::L8)?;
            }
        }
    }
    Ok(())
}

/// Trains the first network, and writes it to a file.
fn learn(folder: &Path, file: &Path) -> anyhow::Result<()> {
    let images = Pictures::open(folder)?.fit(Fit::Stretch).load()?;
    let loader = DataLoader::new(images)?;
    let mut net = Cpu::seed_from_u64(0).build_module::<Whole, f32>();
    let mut opt = Sgd::new(&net, momentum(0.1));
    train(&mut net, &mut opt, &loader, EPOCHS[0], RHO)?;
    Ok(weights::save(&net, file)?)
}

/// `61.2 ± 0.8`, in percent.
fn percent(accuracies: &[f64]) -> String {
    let n = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / n;
    let squares: f64 = accuracies.iter().map(|a| (a - mean).powi(2)).sum();
    let deviation = (squares / (n - 1.0).max(1.0)).sqrt();
    format!("{:.1} ± {:.1}", 100.0 * mean, 100.0 * deviation)
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let drawn = tempfile::tempdir()?;
    let given = options.train.zip(options.test).zip(options.weights);
    let ((train, test), weights) = match given {
        Some(given) => given,
        None => {
            draw(drawn.path())?;
            let weights = drawn.path().join("first.safetensors");
            println!("learning the digits 0 to 4");
            learn(&drawn.path().join("first"), &weights)?;
            let folders = ["train", "test"].map(|name| drawn.path().join(name));
            let [train, test] = folders;
            ((train, test), weights)
        }
    };
    let train = Pictures::open(train)?.fit(Fit::Stretch);
    let test = Pictures::open_with(test, train.classes())?.fit(Fit::Stretch);
    let data = Data {
        train: train.load()?,
        test: test.load()?,
    };
    println!(
        "{} pictures to train on, {} to test on",
        data.train.len(),
        data.test.len()
    );
    println!("{:<24}{:>14}{:>14}", "accuracy, %", "SGD", "SAM");

    type Way = fn(&Path, &Data, u64, f64) -> anyhow::Result<f64>;
    let ways: [(&str, Way); 3] = [
        ("its head alone", head_alone),
        ("all of it", all_of_it),
        ("a new network", new),
    ];
    let mut results = Vec::new();
    for (way, run) in ways {
        let with = |rho| -> anyhow::Result<Vec<f64>> {
            let seeds = 0..options.seeds;
            seeds.map(|seed| run(&weights, &data, seed, rho)).collect()
        };
        let (sgd, sam) = (with(0.0)?, with(RHO)?);
        println!("{way:<24}{:>14}{:>14}", percent(&sgd), percent(&sam));
        results.push(Result { way, sgd, sam });
    }
    println!("{}", serde_json::to_string(&results)?);
    Ok(())
}
