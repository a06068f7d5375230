//! One run: a network trained on MNIST, measured after each epoch.

use std::{path::Path, time::Instant};

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::{accuracy, sharpness},
    prelude::*,
};

type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);
type Net = Built<Mlp>;
type Digits = Images<Rank1<784>, 10>;
type Noisy = LabelNoise<TakeFirst<Digits>>;

/// Images per step.
pub(crate) const BATCH: usize = 128;

/// The radius at which sharpness is measured, whatever rho a run trains with.
pub(crate) const MEASURED_AT: f64 = 0.1;

/// Training images.
const IMAGES: usize = 6_000;

/// What a run is made with.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) rho: f64,
    /// Samples per perturbation.
    pub(crate) m: usize,
    /// Share of training images with a wrong label.
    pub(crate) noise: f64,
    pub(crate) epochs: usize,
    pub(crate) seed: u64,
}

/// What an epoch has come to. Accuracies are shares.
#[derive(Clone, Copy)]
pub(crate) struct Epoch {
    pub(crate) test: f64,
    /// Wrong labels included.
    pub(crate) train: f64,
    pub(crate) sharpness: f64,
}

/// A whole run.
pub(crate) struct Outcome {
    pub(crate) epochs: Vec<Epoch>,
    /// Of training alone.
    pub(crate) seconds: f64,
}

impl Outcome {
    /// The last epoch.
    pub(crate) fn last(&self) -> Epoch {
        *self.epochs.last().expect("there is an epoch")
    }
}

type Opt = Sgd<Net, f32, Cpu>;
type Loader = DataLoader<Noisy, BATCH>;

/// An epoch of training with `m` samples per perturbation. `m` is a constant of the attribute, so each
/// has a function of its own.
macro_rules! epoch {
    ($name:ident, $m:literal) => {
        #[sam_train(rho = rho, m = $m)]
        fn $name(
            model: &mut Net,
            opt: &mut Opt,
            loader: &Loader,
            epoch: usize,
            rho: f64,
        ) -> anyhow::Result<()> {
            let dev = Cpu::default();
            let mut grads = model.alloc_grads();
            for (x, y) in loader.epoch(&dev, epoch) {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                grads = loss.backward();
                opt.update(model, &grads)?;
                model.zero_grads(&mut grads);
            }
            Ok(())
        }
    };
}
epoch!(epoch_128, 128);
epoch!(epoch_32, 32);
epoch!(epoch_8, 8);

/// Makes a run.
pub(crate) fn run(data: &Path, setting: Setting) -> anyhow::Result<Outcome> {
    let Setting { rho, seed, .. } = setting;
    let images = Mnist::train(data)?.take_first(IMAGES);
    let noisy = LabelNoise::symmetric(images, setting.noise, seed)?;
    let loader: Loader = DataLoader::new(noisy)?.seed(seed);
    let test = Mnist::test(data)?;
    let mut model = Cpu::seed_from_u64(seed).build_module::<Mlp, f32>();
    let config = SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: None,
    };
    let mut opt = Sgd::new(&model, config);
    let train = match setting.m {
        128 => epoch_128,
        32 => epoch_32,
        8 => epoch_8,
        m => anyhow::bail!("there is no function for m = {m}"),
    };
    let mut outcome = Outcome {
        epochs: Vec::new(),
        seconds: 0.0,
    };
    for epoch in 0..setting.epochs {
        let start = Instant::now();
        train(&mut model, &mut opt, &loader, epoch, rho)?;
        outcome.seconds += start.elapsed().as_secs_f64();
        outcome.epochs.push(Epoch {
            test: accuracy(&model, chunks(&test, &Cpu::default(), 500)),
            train: accuracy(&model, chunks(loader.dataset(), &Cpu::default(), 500)),
            sharpness: measured(&model, &loader)?,
        });
    }
    let last = outcome.last();
    eprintln!(
        "rho {rho}, m {}, noise {}, seed {seed}: test {:.4}, train {:.4}, sharpness {:.4}, {:.1} s",
        setting.m, setting.noise, last.test, last.train, last.sharpness, outcome.seconds
    );
    Ok(outcome)
}

/// The sharpness on ten batches of training.
fn measured(model: &Net, loader: &Loader) -> anyhow::Result<f64> {
    let batches = loader.epoch(&Cpu::default(), 0).take(10);
    let found = sharpness(
        model,
        batches,
        MEASURED_AT,
        Norm::L2,
        |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        },
    )?;
    Ok(found.value())
}

/// Runs of all seeds.
pub(crate) fn runs(data: &Path, seeds: u64, setting: Setting) -> anyhow::Result<Vec<Outcome>> {
    (0..seeds)
        .map(|seed| run(data, Setting { seed, ..setting }))
        .collect()
}

/// The mean, and the smallest and largest of some values.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (mean, least, most)
}
