//! The spectrum of the Hessian: its largest eigenvalues, its density, its trace.

use std::f64::consts::TAU;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Estimate, Objective, lanczos::Ritz};
use crate::step::{LossValue, SplitBatch, StepError};

/// How long eigenvalues are looked for, and from where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Steps of Lanczos' iteration at most, each of two passes over the data.
    pub steps: usize,
    /// How exact an eigenvalue is to be: `||H v - lambda v|| <= tolerance |lambda_max|`.
    pub tolerance: f64,
    /// Of the vector that the iteration begins with.
    pub seed: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            steps: 100,
            tolerance: 1e-3,
            seed: 0,
        }
    }
}

/// The largest eigenvalues of a Hessian.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eigenvalues {
    /// In falling order; the first is `lambda_max`.
    pub values: Vec<f64>,
    /// For each, `||H v - lambda v||`: there is an eigenvalue that close to it, but for the error of the products.
    pub residuals: Vec<f64>,
    /// Whether each is as exact as was asked.
    pub converged: bool,
    /// Steps of Lanczos' iteration.
    pub steps: usize,
}

impl Eigenvalues {
    /// `lambda_1 / lambda_5`, the paper's second number (figure 3): how far one direction stands out. `None` with fewer
    /// than five.
    pub fn bulk_ratio(&self) -> Option<f64> {
        Some(self.values.first()? / self.values.get(4)?)
    }
}

/// The spectral density of a Hessian, by stochastic Lanczos quadrature (Ghorbani et al. 2019, section 2): for each
/// drawn vector, points at which the density has weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectralDensity {
    /// Of each drawn vector: eigenvalues, and their weights, which add up to 1.
    pub probes: Vec<Vec<(f64, f64)>>,
    /// The size of the Hessian.
    pub parameters: usize,
}

impl SpectralDensity {
    /// The density at `lambda`, smoothed by a normal distribution of this standard deviation; its integral is 1.
    pub fn at(&self, lambda: f64, sigma: f64) -> f64 {
        let smooth = |x: f64| (-0.5 * ((lambda - x) / sigma).powi(2)).exp() / (sigma * TAU.sqrt());
        self.mean(|(value, weight)| weight * smooth(value))
    }

    /// The mean of `lambda^power` over the spectrum.
    pub fn moment(&self, power: i32) -> f64 {
        self.mean(|(value, weight)| weight * value.powi(power))
    }

    /// The trace of the Hessian, and what it may be off by, from the differences between the drawn vectors.
    pub fn trace(&self) -> Estimate {
        let of = |probe: &Vec<(f64, f64)>| {
            let sum: f64 = probe.iter().map(|(value, weight)| value * weight).sum();
            sum * self.parameters as f64
        };
        Estimate::of(self.probes.iter().map(of))
    }

    /// The smallest and the largest eigenvalue that was met.
    pub fn range(&self) -> Option<(f64, f64)> {
        let values = || self.probes.iter().flatten().map(|(value, _)| *value);
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    }

    fn mean(&self, of: impl Fn((f64, f64)) -> f64) -> f64 {
        let sum: f64 = self.probes.iter().flatten().map(|point| of(*point)).sum();
        sum / self.probes.len().max(1) as f64
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
    /// The `count` largest eigenvalues of the Hessian at the weights, by Lanczos' iteration with full
    /// reorthogonalisation. It holds a vector as large as the parameters for each step.
    ///
    /// # Errors
    /// [`StepError::NonFinite`] where a gradient is not finite. Else see [`loss`](Self::loss).
    pub fn eigenvalues(&mut self, count: usize, search: Search) -> Result<Eigenvalues, StepError> {
        self.begin(2 * search.steps);
        let is_exact = |found: &[Ritz]| {
            let largest = found
                .iter()
                .fold(0.0_f64, |most, ritz| most.max(ritz.value.abs()));
            found.len() >= count
                && found
                    .iter()
                    .take(count)
                    .all(|ritz| ritz.residual <= search.tolerance * largest)
        };
        let found = self.tridiagonal(search.steps, (search.seed, 0), |found| {
            is_exact(&found.eigenvalues())
        })?;
        let found = found.eigenvalues();
        let asked = || found.iter().take(count);
        Ok(Eigenvalues {
            values: asked().map(|ritz| ritz.value).collect(),
            residuals: asked().map(|ritz| ritz.residual).collect(),
            converged: is_exact(&found),
            steps: found.len(),
        })
    }

    /// The spectral density of the Hessian at the weights: `probes` times `steps` steps of Lanczos' iteration, each of
    /// two passes. The authors take 10 and 90.
    ///
    /// # Errors
    /// As for [`eigenvalues`](Self::eigenvalues).
    pub fn spectral_density(
        &mut self,
        probes: usize,
        steps: usize,
        seed: u64,
    ) -> Result<SpectralDensity, StepError> {
        self.begin(2 * probes * steps);
        let (parameters, _) = self.arithmetic.parameters(&self.model)?;
        let mut found = Vec::with_capacity(probes);
        for probe in 0..probes {
            let tridiagonal = self.tridiagonal(steps, (seed, probe as u64), |_| false)?;
            let points = tridiagonal.eigenvalues().into_iter();
            found.push(points.map(|ritz| (ritz.value, ritz.weight)).collect());
        }
        Ok(SpectralDensity {
            probes: found,
            parameters,
        })
    }

    /// The trace of the Hessian at the weights: the mean of `v^T H v` over vectors of signs (Hutchinson 1990), each of
    /// two passes.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn trace(&mut self, probes: usize, seed: u64) -> Result<Estimate, StepError> {
        self.begin(2 * probes);
        let mut found = Vec::with_capacity(probes);
        for probe in 0..probes {
            let sign = |rng: &mut rand_chacha::ChaCha12Rng| if rng.r#gen() { 1.0 } else { -1.0 };
            let mut v = self.drawn(seed, probe as u64, sign)?;
            let mut product = self.product(&mut v)?;
            found.push(self.arithmetic.dot(&self.model, &mut v, &mut product)?);
        }
        Ok(Estimate::of(found))
    }
}
