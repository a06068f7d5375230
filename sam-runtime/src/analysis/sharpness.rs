use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use serde::{Deserialize, Serialize};

use super::Objective;
use crate::{
    device::Norm,
    step::{LossValue, Sam, SplitBatch, StepError, last_report},
};

/// A sharpness, in units of the loss.
///
/// ```
/// use sam_runtime::analysis::Sharpness;
///
/// let found = Sharpness { loss: 0.25, perturbed_loss: 0.75, standard_error: 0.1 };
/// assert_eq!(found.value(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sharpness {
    /// The mean loss at `w`.
    pub loss: f64,
    /// The mean loss at `w + e`.
    pub perturbed_loss: f64,
    /// How far off the value may be for other batches: the standard deviation of the mean over the batches, where each
    /// has an `e` of its own; NaN for a single one.
    pub standard_error: f64,
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
    loss: impl FnMut(&mut M, B, Gradients<E, D>) -> L,
) -> Result<Sharpness, StepError>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
    B: Clone + SplitBatch<1>,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    sharpness_by(&Sam::new(rho).norm(norm), model, batches, loss)
}

/// [`sharpness`], where `sam` says how each batch is climbed: with more inner steps, say, by
/// [`LpSam`](crate::step::methods::LpSam).
///
/// # Errors
/// See [`sharpness`].
pub fn sharpness_by<M, E, D, B, L>(
    sam: &Sam,
    model: &M,
    batches: impl IntoIterator<Item = B>,
    mut loss: impl FnMut(&mut M, B, Gradients<E, D>) -> L,
) -> Result<Sharpness, StepError>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
    B: Clone + SplitBatch<1>,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    let mut found: Vec<[f64; 3]> = Vec::new();
    for batch in batches {
        let samples = batch.rows().unwrap_or(1) as f64;
        // A copy, because a step advances BatchNorm's statistics.
        sam.step(&mut model.clone(), batch, Gradients::leaky(), &mut loss)?;
        let report = last_report().ok_or(StepError::Empty)?;
        let clean = report.clean_loss().ok_or(StepError::Empty)?;
        let perturbed = report.perturbed_loss().unwrap_or(clean);
        found.push([samples, clean, perturbed]);
    }
    let samples: f64 = found.iter().map(|[samples, ..]| samples).sum();
    if samples == 0.0 {
        return Err(StepError::Empty);
    }
    let mean = |of: fn(&[f64; 3]) -> f64| {
        let sum: f64 = found.iter().map(|batch| batch[0] * of(batch)).sum();
        sum / samples
    };
    let (clean, perturbed) = (mean(|batch| batch[1]), mean(|batch| batch[2]));
    let squares = found.iter().map(|[samples, loss, at_e]| {
        let off = at_e - loss - (perturbed - clean);
        (samples * off).powi(2)
    });
    let batches = found.len() as f64;
    let variance = squares.sum::<f64>() / samples.powi(2) * batches / (batches - 1.0);
    Ok(Sharpness {
        loss: clean,
        perturbed_loss: perturbed,
        standard_error: variance.sqrt(),
    })
}

impl<M, E, D, Data, Loss, Batches, B, L> Objective<'_, M, E, D, Data, Loss>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
    Data: FnMut() -> Batches,
    Batches: IntoIterator<Item = B>,
    B: SplitBatch<1>,
    Loss: FnMut(&mut M, B, Gradients<E, D>) -> L,
    L: Backward<E, D, Err = D::Err> + LossValue,
{
    /// The sharpness at radius `rho` with one `e` for all data (the paper's definition, section 2), found in `steps` of
    /// projected gradient ascent: one is SAM's first-order step. `steps + 1` passes.
    ///
    /// # Errors
    /// [`StepError::Rho`], [`StepError::Method`] for no steps. Else see [`loss`](Self::loss).
    pub fn sharpness(
        &mut self,
        rho: f64,
        norm: Norm,
        steps: usize,
    ) -> Result<Sharpness, StepError> {
        if !(rho.is_finite() && rho >= 0.0) {
            return Err(StepError::Rho(rho));
        }
        if steps == 0 {
            let problem = "a sharpness is found in at least one step".to_owned();
            return Err(StepError::Method(problem));
        }
        self.begin(steps + 1);
        let (loss, mut e) = self.gradient_at(None)?;
        self.arithmetic.make_dual(&self.model, &mut e, norm, rho)?;
        for _ in 1..steps {
            let (_, mut g) = self.gradient_at(Some(&mut e))?;
            self.arithmetic.make_dual(&self.model, &mut g, norm, rho)?;
            self.arithmetic
                .combine(&self.model, 1.0, &mut e, 1.0, &mut g)?;
            self.arithmetic.shrink(&self.model, &mut e, norm, rho)?;
        }
        Ok(Sharpness {
            loss,
            perturbed_loss: self.loss_at(Some(&mut e))?,
            standard_error: f64::NAN,
        })
    }

    /// The m-sharpness, where m is the size of the batches: [`sharpness_by`] on the data of this.
    ///
    /// # Errors
    /// See [`sharpness`].
    pub fn m_sharpness(&mut self, sam: &Sam) -> Result<Sharpness, StepError>
    where
        B: Clone,
    {
        self.batches_by(|model, batches, loss| sharpness_by(sam, model, batches, loss))
    }
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
