//! A whole run on ranks, of which all together take `BATCH` samples a step, in chunks of four. On one rank, and on four with a
//! chunk each, the weights have the same bits, also where it goes on with the other number; on two, whose sums are sums of
//! sums, all but those.

use std::path::Path;

use dfdx::{optim::Optimizer, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::Augment,
    distributed::{Averaged, check},
    nn::Flatten2D,
    optim::AnyOptimizer,
    prelude::*,
    run::{Run, RunConfig, stop::Stop},
};

use super::{Failure, Ranks};
use crate::parameters;

/// Samples of a step, over all ranks.
const BATCH: usize = 16;

type Net = (
    (Flatten2D, Linear<36, 12>, BatchNorm1D<12>, ReLU),
    DropoutOneIn<4>,
    Linear<12, 3>,
);
type Model = Built<Net>;
type Data = Images<Rank3<1, 6, 6>, 3>;

/// Images whose brightest third tells their class.
fn images(n: usize) -> Result<Data, Failure> {
    let pixel = |i: usize, at: usize| {
        let bright = if at / 12 == i % 3 { 70 } else { 0 };
        bright + ((i * 131 + at * 37) % 128) as u8
    };
    let pixels = (0..n).flat_map(|i| (0..36).map(move |at| pixel(i, at)));
    Ok(Images::new(
        pixels.collect(),
        (0..n).map(|i| i % 3).collect(),
    )?)
}

#[sam_train(rho = run.rho(), m = 4, clip = 1.0, method = run.method())]
fn train<const B: usize, W: Ranks>(
    run: &mut Run<Model>,
    model: &mut Model,
    opt: &mut Averaged<AnyOptimizer<Model, f32, Cpu>, W>,
    loader: &DataLoader<Data, B, Augment>,
    test: &Data,
    world: &W,
) -> Result<(), Failure> {
    let dev = Cpu::default();
    let mut grads = model.alloc_grads();
    while let Some(from) = run.next_epoch(loader.len()) {
        for (x, y) in run.limit(loader.epoch(&dev, from)) {
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
        check(world, model)?;
        let accuracy = accuracy(run.evaluated(model), run.limit(chunks(test, &dev, 50)));
        run.end_epoch(model, opt, &[("accuracy", accuracy)])?;
    }
    Ok(())
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Why.
    pub stop: Stop,
    /// Updates.
    pub steps: u64,
    /// The weights.
    pub weights: Vec<f64>,
}

/// Trains in the folder `out`, with these changes to the configuration.
///
/// # Errors
/// That of the run, or where there are other numbers of ranks than 1, 2 and 4.
pub fn run(world: &impl Ranks, out: &Path, changes: &str) -> Result<Ended, Failure> {
    match world.size() {
        1 => run_with::<16, _>(world, out, changes),
        2 => run_with::<8, _>(world, out, changes),
        4 => run_with::<4, _>(world, out, changes),
        _ => Err("these tests are for 1, 2 and 4 ranks".into()),
    }
}

fn run_with<const B: usize, W: Ranks>(
    world: &W,
    out: &Path,
    changes: &str,
) -> Result<Ended, Failure> {
    let epochs = if changes.contains("epochs") {
        ""
    } else {
        "epochs = 2"
    };
    let text = format!(
        "out = {out:?}\n{epochs}\nlr = 0.1\nrho = 0.05\noptimizer = {{ kind = 'sgd', momentum = 0.9 }}\n\
         method = {{ kind = 'vasso' }}\ncheckpoints.every = 3\nlog.every = 2\nlog.progress = false\n{changes}"
    );
    let config: RunConfig = toml::from_str(&text)?;
    let loader = DataLoader::<_, B>::new(images(8 * BATCH + 5)?)?
        .seed(1)
        .augment(Augment::basic())
        .shard(world.rank(), world.size())?;
    let test = images(100)?;
    let mut model = Cpu::seed_from_u64(0).build_module::<Net, f32>();
    let mut opt = Averaged::new(AnyOptimizer::new(&model, &config.optimizer)?, world.clone());
    let mut run = Run::start_on(world, &config, &config, &mut model, &mut opt)?;
    train(&mut run, &mut model, &mut opt, &loader, &test, world)?;
    let steps = run.steps();
    Ok(Ended {
        stop: run.finish()?,
        steps,
        weights: parameters(&model),
    })
}

const _: () = assert!(BATCH == 16, "the sizes above are for it");
