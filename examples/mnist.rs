//! Trains a network on MNIST with wrong labels, with SGD or with SAM.
//!
//! ```console
//! cargo run --release --features run --example mnist -- --data DIR --label-noise 0.4
//! ```
//!
//! `DIR` holds the four IDX files of MNIST, Fashion-MNIST or KMNIST, plain or as `.gz`. All else is in
//! `mnist.toml`, or in another file that `--config` names.

use std::path::PathBuf;

use clap::Parser;
use dfdx::{optim::Optimizer, prelude::*};
use sam_examples::{BATCH, Mlp, Network, Noisy, Options, Trainer, accuracy, on_device, say};
use sam_runtime::{
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
    train_images: usize,
    label_noise: f64,
    workers: usize,
    run: RunConfig,
}

#[sam_train(rho = run.rho())]
fn train<D: Trainer, N: Network<Rank1<784>, BATCH, D>>(
    run: &mut Run<N>,
    model: &mut N,
    opt: &mut AnyOptimizer<N, f32, D>,
    loader: &DataLoader<Noisy, BATCH>,
    test: &Images<Rank1<784>, 10>,
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

/// Trains a network on MNIST with wrong labels, with SGD or with SAM.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn run<D: Trainer>(config: &Config, dev: &D) -> anyhow::Result<Stop>
where
    Mlp: BuildOnDevice<D, f32>,
    <Mlp as BuildOnDevice<D, f32>>::Built: Network<Rank1<784>, BATCH, D>,
{
    let seed = config.run.seed;
    let images = Mnist::train(&config.data)?.take_first(config.train_images);
    let noisy = LabelNoise::symmetric(images, config.label_noise, seed)?;
    let loader = DataLoader::new(noisy)?.seed(seed).workers(config.workers);
    let test = Mnist::test(&config.data)?;

    let mut model = Mlp::build_on_device(dev);
    let mut opt = AnyOptimizer::new(&model, &config.run.optimizer)?;
    let mut run = Run::start(&config.run, config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &loader, &test, dev)?;
    let stop = run.finish()?;
    say!("{stop}");
    Ok(stop)
}

fn main() -> anyhow::Result<Stop> {
    let Arguments { options } = Arguments::parse();
    let config: Config = load(options.file("mnist.toml"), &options.changes())?;
    on_device!(options.on.device, config.run.seed, |dev| run(&config, &dev))
}
