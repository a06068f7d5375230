use dfdx::{optim::*, prelude::*};
use sam_runtime::{analysis::accuracy, data::Transform, nn::Flatten2D, prelude::*};

use crate::{Digits, digits::Shape};

type Mlp = (
    Flatten2D,
    (Linear<784, 128>, ReLU),
    (Linear<128, 128>, ReLU),
    Linear<128, 10>,
);
/// The network of the experiments.
pub type Net = Built<Mlp>;
/// The same in f64, in which curvature is measured.
pub type WideNet = Built<Mlp, Cpu, f64>;

/// Images per step.
pub const BATCH: usize = 100;

/// How a network is trained: SGD with momentum 0.9 and a cosine learning rate, under SAM.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Passes over the training images.
    pub epochs: usize,
    /// At the start.
    pub lr: f64,
    /// 0 is SGD.
    pub rho: f64,
    /// Of the initial weights.
    pub seed: u64,
}

impl Plan {
    /// The network before training.
    pub fn initial(&self) -> Net {
        Cpu::seed_from_u64(self.seed).build_module::<Mlp, f32>()
    }

    /// Its optimizer.
    pub fn optimizer(&self, model: &Net) -> Sgd<Net, f32, Cpu> {
        let config = SgdConfig {
            lr: self.lr,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: None,
        };
        Sgd::new(model, config)
    }

    /// The learning rate by step.
    pub fn schedule(&self, steps_per_epoch: usize) -> Schedule {
        Schedule::cosine(self.lr, 0.0, (self.epochs * steps_per_epoch) as u64)
    }
}

/// Trains a network as planned, with a perturbation for every `M` images.
///
/// # Errors
/// See [`train_watched`].
pub fn train<const M: usize, Ds, T>(
    plan: &Plan,
    loader: &DataLoader<Ds, BATCH, T>,
) -> anyhow::Result<Net>
where
    Ds: Dataset<Item = Sample<Shape, 10>> + 'static,
    T: Transform<Ds> + 'static,
{
    train_watched::<M, Ds, T>(plan, loader, |_, _| Ok(()))
}

/// As [`train`]; shows `watch` the network after each epoch, and how many there were.
///
/// # Errors
/// Where a gradient is not finite; what `watch` says.
#[sam_train(rho = plan.rho, m = M)]
pub fn train_watched<const M: usize, Ds, T>(
    plan: &Plan,
    loader: &DataLoader<Ds, BATCH, T>,
    mut watch: impl FnMut(usize, &Net) -> anyhow::Result<()>,
) -> anyhow::Result<Net>
where
    Ds: Dataset<Item = Sample<Shape, 10>> + 'static,
    T: Transform<Ds> + 'static,
{
    let dev = Cpu::default();
    let mut model = plan.initial();
    let mut opt = plan.optimizer(&model);
    let schedule = plan.schedule(loader.len());
    let mut grads = model.alloc_grads();
    let mut step = 0;
    for epoch in 0..plan.epochs {
        for (x, y) in loader.epoch(&dev, epoch) {
            opt.cfg.lr = schedule.at(step);
            step += 1;
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
        watch(epoch + 1, &model)?;
    }
    Ok(model)
}

/// The share of the images that are given their label.
pub fn accuracy_on(model: &Net, images: &Digits) -> f64 {
    accuracy(model, chunks(images, &Cpu::default(), 500))
}
