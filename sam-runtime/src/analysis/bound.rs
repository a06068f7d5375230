//! The paper's bound on the loss on data that was not seen.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::{Estimate, Objective};
use crate::step::{LossValue, SplitBatch, StepError};

/// What the bounds of Foret et al. (2020, appendix A.1) go by. They hold with the probability `1 - delta` over the
/// training data, for a loss from 0 to 1, such as the share of wrong answers, and where noise on the weights does not
/// lower the loss on the data that was not seen.
///
/// ```
/// use sam_runtime::analysis::PacBayes;
///
/// let bound = PacBayes { samples: 60_000, parameters: 1_000, norm: 10.0, delta: 0.05 };
/// assert!(bound.complexity(0.05) < bound.complexity(0.01));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacBayes {
    /// Samples of the training data, `n`.
    pub samples: usize,
    /// Parameters, `k`.
    pub parameters: usize,
    /// `||w||_2`.
    pub norm: f64,
    /// The probability with which a bound fails, between 0 and 1.
    pub delta: f64,
}

impl PacBayes {
    /// What theorem 2 adds to the largest loss within `rho`:
    /// `sqrt((k ln(1 + ||w||^2/rho^2 (1 + sqrt(ln n / k))^2) + 4 ln(n/delta) + 8 ln(6n + 3k)) / (n - 1))`.
    pub fn complexity(&self, rho: f64) -> f64 {
        let (n, k) = (self.samples as f64, self.parameters as f64);
        let ratio = (self.norm / rho * self.widening()).powi(2);
        let sum = k * ratio.ln_1p() + 4.0 * (n / self.delta).ln() + 8.0 * (6.0 * n + 3.0 * k).ln();
        (sum / (n - 1.0)).sqrt()
    }

    /// What is added to the mean loss under noise of the standard deviation `sigma` on each weight (the bound before
    /// theorem 2's last step):
    /// `sqrt((k/4 ln(1 + ||w||^2/(k sigma^2)) + 1/4 + ln(n/delta) + 2 ln(6n + 3k)) / (n - 1))`.
    pub fn complexity_under_noise(&self, sigma: f64) -> f64 {
        let (n, k) = (self.samples as f64, self.parameters as f64);
        let ratio = (self.norm / sigma).powi(2) / k;
        let sum =
            k / 4.0 * ratio.ln_1p() + 0.25 + (n / self.delta).ln() + 2.0 * (6.0 * n + 3.0 * k).ln();
        (sum / (n - 1.0)).sqrt()
    }

    /// The `sigma` whose noise stays within `rho`, but for a share of `1/sqrt(n)`: `rho / (sqrt(k) + sqrt(ln n))`.
    pub fn sigma(&self, rho: f64) -> f64 {
        rho / ((self.parameters as f64).sqrt() * self.widening())
    }

    /// `1 + sqrt(ln n / k)`.
    fn widening(&self) -> f64 {
        1.0 + ((self.samples as f64).ln() / self.parameters as f64).sqrt()
    }
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
    /// The bounds for this model, of so many training samples.
    ///
    /// # Errors
    /// [`StepError::Device`].
    pub fn pac_bayes(&self, samples: usize, delta: f64) -> Result<PacBayes, StepError> {
        let (parameters, squares) = self.arithmetic.parameters(&self.model)?;
        Ok(PacBayes {
            samples,
            parameters,
            norm: squares.sqrt(),
            delta,
        })
    }

    /// The mean loss under normal noise of the standard deviation `sigma` on each weight, over `draws` of it, each of one
    /// pass.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn loss_under_noise(
        &mut self,
        sigma: f64,
        draws: usize,
        seed: u64,
    ) -> Result<Estimate, StepError> {
        self.begin(draws);
        let mut found = Vec::with_capacity(draws);
        for draw in 0..draws {
            let mut e = self.drawn(seed, draw as u64, |rng| {
                let z: f64 = StandardNormal.sample(rng);
                sigma * z
            })?;
            found.push(self.loss_at(Some(&mut e))?);
        }
        Ok(Estimate::of(found))
    }
}
