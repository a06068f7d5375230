use std::time::Instant;

use dfdx::prelude::*;
use sam_runtime::{
    analysis::{correct, sharpness},
    prelude::*,
};
use serde::Serialize;

use crate::Network;

/// What a trained network is worth.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trained {
    /// Share of the test images that are recognised.
    pub test_accuracy: f64,
    /// Share of the training images that are given their label, the wrong ones included.
    pub train_accuracy: f64,
    /// `L(w + e) - L(w)` on training batches, for the best `e` of length rho.
    pub sharpness: f64,
    /// Seconds of training.
    pub seconds: f64,
}

/// Images per forward pass.
const CHUNK: usize = 500;

/// Training batches on which the sharpness is measured.
const SHARPNESS_BATCHES: usize = 10;

/// Evaluates a network that was trained since `start`.
pub fn evaluate<D, N, Train, Test, const B: usize>(
    dev: &D,
    model: &N,
    train: &DataLoader<Train, B>,
    test: &Test,
    rho: f64,
    start: Instant,
) -> anyhow::Result<Trained>
where
    D: Device<f32>,
    N: Network<Rank1<784>, B, D>,
    Train: Dataset<Item = Sample<Rank1<784>, 10>> + 'static,
    Test: Dataset<Item = Sample<Rank1<784>, 10>>,
{
    let seconds = start.elapsed().as_secs_f64();
    let batches = train.epoch(dev, 0).take(SHARPNESS_BATCHES);
    let sharpness = sharpness(model, batches, rho, Norm::L2, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    })?;
    Ok(Trained {
        test_accuracy: accuracy(model, chunks(test, dev, CHUNK)),
        train_accuracy: accuracy(model, chunks(train.dataset(), dev, CHUNK)),
        sharpness: sharpness.value(),
        seconds,
    })
}

/// Labels of any number of images.
type Labels<D> = Tensor<(usize, Const<10>), f32, D>;

/// The share of images that `model` recognises.
pub fn accuracy<D: Device<f32>, M: Module<X, Output = Labels<D>>, X>(
    model: &M,
    batches: impl IntoIterator<Item = (X, Labels<D>)>,
) -> f64 {
    let (mut right, mut all) = (0, 0);
    for (x, y) in batches {
        all += y.shape().0;
        right += correct(&model.forward(x), &y);
    }
    right as f64 / all as f64
}
