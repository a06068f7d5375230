//! Stage 5: a whole run. ResNet-20, configured by a file, with checkpoints, metrics and curves.
//!
//! ```console
//! cargo run --release -p guide --example whole -- book/tutorial/whole.toml data=DIR
//! ```
//!
//! What follows the file are changes to it: `run.epochs=2`, `run.resume=true`.

use std::{env, path::PathBuf};

use anyhow::Context;
use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::{correct, sharpness},
    data::{Augment, Cifar10},
    device::keep_freed_memory,
    nn::{ResNet20, weights},
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, best_model, load_with, stop::Stop},
};
use serde::{Deserialize, Serialize};

const BATCH: usize = 128;

type Net = Built<ResNet20<10>>;
type Pictures = Images<Rank3<3, 32, 32>, 10>;
type Loader = DataLoader<TakeFirst<Pictures>, BATCH, Augment>;

/// The configuration file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    data: PathBuf,
    train_images: usize,
    run: RunConfig,
}

#[sam_train(rho = run.rho())]
fn train(
    run: &mut Run<Net>,
    model: &mut Net,
    opt: &mut AnyOptimizer<Net, f32, Cpu>,
    loader: &Loader,
    test: &Pictures,
) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for batch in run.limit(loader.try_epoch(&dev, from)) {
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
        let evaluated = run.evaluated(model);
        let (mut right, mut seen) = (0, 0);
        for (x, y) in run.limit(chunks(test, &dev, 500)) {
            seen += y.shape().0;
            right += correct(&evaluated.forward(x), &y);
        }
        let accuracy = right as f64 / seen as f64;
        run.end_epoch(model, opt, &[("accuracy", accuracy)])?;
    }
    Ok(())
}

fn main() -> anyhow::Result<Stop> {
    keep_freed_memory();
    let mut arguments = env::args().skip(1);
    let file = arguments.next().context("name a configuration file")?;
    let config: Config = load_with(file, &arguments.collect::<Vec<_>>())?;
    let seed = config.run.seed;
    let images = Cifar10::train(&config.data)?.normalized(&Cifar10::STATS)?;
    let test = Cifar10::test(&config.data)?.normalized(&Cifar10::STATS)?;
    let loader: Loader = DataLoader::new(images.take_first(config.train_images))?
        .seed(seed)
        .augment(Augment::basic());

    let mut model = Cpu::seed_from_u64(seed).build_module::<ResNet20<10>, f32>();
    let mut opt = AnyOptimizer::new(&model, &config.run.optimizer)?;
    let mut run = Run::start(&config.run, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &loader, &test)?;
    let out = run.config().out.clone();
    let stop = run.finish()?;
    println!("{stop}");
    if let Stop::Interrupted | Stop::TimeLimit = stop {
        return Ok(stop); // `run.resume=true` goes on
    }

    // The model with the best accuracy, as any program can load it: with a running mean of the weights, that one.
    let best = best_model::<ResNet20<10>, f32, _>(&out, &Cpu::default())?;
    weights::save(&best, out.join("weights.safetensors"))?;

    // How sharp is the minimum? On ten batches, whatever rho the run had.
    let batches = loader.epoch(&Cpu::default(), 0).take(10);
    let found = sharpness(&model, batches, 0.05, Norm::L2, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    })?;
    println!("sharpness at 0.05: {:.4}", found.value());
    Ok(stop)
}
