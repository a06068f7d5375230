//! Trains one network twice on MNIST with wrong labels, with SGD and with SAM.
//!
//! ```console
//! cargo run --release --example mnist -- --data DIR --label-noise 0.4
//! ```
//!
//! `DIR` holds the four IDX files of MNIST, Fashion-MNIST or KMNIST, plain or as `.gz`.

use std::path::PathBuf;

use clap::Parser;
use dfdx::{optim::*, prelude::*};
use sam_examples::{Net, Run, compare};
use sam_runtime::prelude::*;

/// Compares SGD and SAM on MNIST with wrong labels.
#[derive(Parser)]
struct Options {
    /// The folder with the four IDX files
    #[arg(long)]
    data: PathBuf,
    /// The share of training images that get a wrong label
    #[arg(long, default_value_t = 0.4)]
    label_noise: f64,
    /// How many training images to use, from the first on; there are 60,000
    #[arg(long, default_value_t = 6_000)]
    train_images: usize,
    /// Passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// SAM's radius
    #[arg(long, default_value_t = 0.5)]
    rho: f64,
    /// Seeds the wrong labels, the order and the initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn train_sgd(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, run: &Run) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    for epoch in 0..run.epochs {
        for (x, y) in run.loader.epoch(&dev, epoch) {
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

#[sam_train(rho = run.rho)]
fn train_sam(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, run: &Run) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    for epoch in 0..run.epochs {
        for (x, y) in run.loader.epoch(&dev, epoch) {
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

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let images = Mnist::train(&options.data)?.take_first(options.train_images);
    let train = LabelNoise::symmetric(images, options.label_noise, options.seed)?;
    let test = Mnist::test(&options.data)?;
    let setting = (options.epochs, options.rho, options.seed);
    println!("{}", compare(train, &test, setting, train_sgd, train_sam)?);
    Ok(())
}
