//! Trains one network twice on images with 40 % wrong labels, with SGD and with SAM: the same loop,
//! without and with the attribute. Needs no download.
//!
//! ```console
//! cargo run --release --example quickstart
//! ```

use clap::Parser;
use dfdx::{optim::*, prelude::*};
use sam_examples::{BATCH, Network, OnDevice, Run, Trainer, compare, on_device};
use sam_runtime::prelude::*;

/// Compares SGD and SAM on drawn digits with wrong labels.
#[derive(Parser)]
struct Options {
    /// Seeds the images, the wrong labels, the order and the initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    on: OnDevice,
}

fn train_sgd<D: Trainer, N: Network<Rank1<784>, BATCH, D>>(
    model: &mut N,
    opt: &mut Sgd<N, f32, D>,
    run: &Run<D>,
) -> anyhow::Result<()> {
    let mut grads = model.alloc_grads();
    for epoch in 0..run.epochs {
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

#[sam_train(rho = 0.5, norm = "l2")]
fn train_sam<D: Trainer, N: Network<Rank1<784>, BATCH, D>>(
    model: &mut N,
    opt: &mut Sgd<N, f32, D>,
    run: &Run<D>,
) -> anyhow::Result<()> {
    let mut grads = model.alloc_grads();
    for epoch in 0..run.epochs {
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

fn main() -> anyhow::Result<()> {
    let Options { seed, on } = Options::parse();
    let images = Glyphs::train(4_000, seed).take_first(4_000);
    let train = LabelNoise::symmetric(images, 0.4, seed)?;
    let test = Glyphs::test(2_000, seed);
    let how = (30, 0.5, seed);
    let found = on_device!(on.device, seed, |device| {
        compare(&device, train, &test, how, train_sgd, train_sam)
    })?;
    println!("{found}");
    Ok(())
}
