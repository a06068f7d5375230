use dfdx::{prelude::*, tensor::Gradients};

use crate::{
    device::Norm,
    step::{LossValue, Sam, SplitBatch, StepError, last_report},
};

/// What [`sharpness`] measured, in units of the loss.
///
/// ```
/// use sam_runtime::analysis::Sharpness;
///
/// let found = Sharpness { loss: 0.25, perturbed_loss: 0.75 };
/// assert_eq!(found.value(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpness {
    /// The mean loss at `w`.
    pub loss: f64,
    /// The mean loss at `w + e`, with an `e` for each batch.
    pub perturbed_loss: f64,
}

impl Sharpness {
    /// `L(w + e) - L(w)`: how much worse the loss gets within rho of the weights.
    pub fn value(&self) -> f64 {
        self.perturbed_loss - self.loss
    }
}

/// The m-sharpness of `model` at radius `rho`, with the batch as m: the mean over the samples of `batches` of
/// `L(w + e) - L(w)`, where `e` is SAM's first-order ascent step on their batch (section 4.1 of the
/// paper). `loss`, a mean over the samples, is as for [`Sam::step`]. A batch counts by its rows; one that has
/// none, by 1. The model is not changed.
/// A model with dropout has the same masks at `w` and at `w + e`, and draws them once.
///
/// ```
/// use sam_runtime::{Norm, analysis::sharpness, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let model = dev.build_module::<Linear<3, 2>, f32>();
/// let x: Tensor<Rank2<8, 3>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank2<8, 2>, f32, _> = dev.sample_normal();
/// let found = sharpness(&model, [(x, y)], 0.05, Norm::L2, |model, (x, y), grads| {
///     mse_loss(model.forward_mut(x.traced(grads)), y)
/// })?;
/// assert!(found.value() > 0.0);
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
///
/// # Errors
/// See [`StepError`]; [`StepError::Empty`] where there is no batch.
pub fn sharpness<M, E, D, B, L>(
    model: &M,
    batches: impl IntoIterator<Item = B>,
    rho: f64,
    norm: Norm,
    mut loss: impl FnMut(&mut M, B, Gradients<E, D>) -> L,
) -> Result<Sharpness, StepError>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
    B: Clone + SplitBatch<1>,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    let sam = Sam::new(rho).norm(norm);
    let (mut clean, mut perturbed, mut count) = (0.0, 0.0, 0.0);
    for batch in batches {
        let samples = batch.rows().unwrap_or(1) as f64;
        // A copy, because a step advances BatchNorm's statistics.
        sam.step(&mut model.clone(), batch, Gradients::leaky(), &mut loss)?;
        let report = last_report().ok_or(StepError::Empty)?;
        let loss = report.clean_loss().ok_or(StepError::Empty)?;
        clean += samples * loss;
        perturbed += samples * report.perturbed_loss().unwrap_or(loss);
        count += samples;
    }
    if count == 0.0 {
        return Err(StepError::Empty);
    }
    Ok(Sharpness {
        loss: clean / count,
        perturbed_loss: perturbed / count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L(w) = mean(w^2) / 2 over 4 weights: the gradient is w / 4, so the ascent step lengthens w
    /// by rho, and L(w + e) = (|w| + rho)^2 / 8.
    #[test]
    fn the_sharpness_of_a_paraboloid_is_known() {
        let dev = Cpu::default();
        let w: Tensor<Rank1<4>, f64, _> = dev.tensor([1.0, -2.0, 0.5, 3.0]);
        let length = 14.25_f64.sqrt();
        let loss = |w: &mut Tensor<Rank1<4>, f64, Cpu>, _: Vec<u8>, grads| {
            w.trace(grads).square().mean() * 0.5
        };
        let found = sharpness(&w, [vec![0]], 0.1, Norm::L2, loss).unwrap();
        assert!((found.loss - length.powi(2) / 8.0).abs() < 1e-12);
        assert!((found.perturbed_loss - (length + 0.1).powi(2) / 8.0).abs() < 1e-12);
        assert_eq!(
            sharpness(&w, [] as [Vec<u8>; 0], 0.1, Norm::L2, loss),
            Err(StepError::Empty)
        );
    }

    /// A loss of 1 for the one batch of three samples, and of 9 for the one of one.
    #[test]
    fn a_smaller_last_batch_counts_less() {
        let dev = Cpu::default();
        let w: Tensor<Rank1<1>, f64, _> = dev.tensor([1.0]);
        let batches = [vec![1.0; 3], vec![3.0]].map(|x| {
            let shape = (x.len(),);
            dev.tensor_from_vec(x, shape)
        });
        let loss = |w: &mut Tensor<Rank1<1>, f64, Cpu>, x: Tensor<(usize,), f64, Cpu>, grads| {
            let scale = x.as_vec()[0];
            (w.trace(grads) * scale).square().mean()
        };
        let found = sharpness(&w, batches, 0.1, Norm::L2, loss).unwrap();
        let expected = |w: f64| w * w * (3.0 * 1.0 + 9.0) / 4.0;
        assert!((found.loss - expected(1.0)).abs() < 1e-12);
        assert!((found.perturbed_loss - expected(1.1)).abs() < 1e-12);
    }

    /// The output is linear in the weights, so the loss rises by rho ||g|| where the masks are the same.
    #[test]
    fn both_losses_have_the_same_dropout_masks_which_are_drawn_once() {
        let (dev, plain) = (Cpu::seed_from_u64(4), Cpu::seed_from_u64(4));
        let build = |dev: &Cpu| dev.build_module::<(DropoutOneIn<2>, Linear<16, 1>), f64>();
        let (model, mut same) = (build(&dev), build(&plain));
        let x: Tensor<Rank2<4, 16>, f64, _> = dev.ones();
        let found = sharpness(&model, [x.clone(), x], 0.5, Norm::L2, |model, x, grads| {
            model.forward_mut(x.traced(grads)).mean()
        })
        .unwrap();
        let (mut loss, mut rise) = (0.0, 0.0);
        for _ in 0..2 {
            let x: Tensor<Rank2<4, 16>, f64, _> = plain.ones();
            let mean = same.forward_mut(x.trace(same.alloc_grads())).mean();
            loss += mean.array() / 2.0;
            let grads = mean.backward();
            // The bias's is 1.
            let g = grads.get(&same.1.weight).as_vec();
            let g = 1.0 + g.iter().map(|g| g * g).sum::<f64>();
            rise += 0.5 * g.sqrt() / 2.0;
        }
        assert_eq!(found.loss, loss);
        assert!((found.value() - rise).abs() < 1e-12, "{found:?} {rise}");
        assert_eq!(dev.random_u64(), plain.random_u64());
    }
}
