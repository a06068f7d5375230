//! Lanczos' iteration on the Hessian.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use nalgebra::{DMatrix, SymmetricEigen};
use rand_distr::{Distribution, StandardNormal};

use super::Objective;
use crate::step::{LossValue, SplitBatch, StepError};

/// The Hessian in a basis of orthogonal vectors, in which it is tridiagonal.
#[derive(Default)]
pub(super) struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside it; the last one leads out of the basis.
    beside: Vec<f64>,
}

/// An eigenvalue of a [`Tridiagonal`].
pub(super) struct Ritz {
    pub(super) value: f64,
    /// The square of what its eigenvector has of the first vector of the basis.
    pub(super) weight: f64,
    /// `||H v - value v||` for its eigenvector.
    pub(super) residual: f64,
}

impl Tridiagonal {
    /// In falling order of the values.
    pub(super) fn eigenvalues(&self) -> Vec<Ritz> {
        let size = self.diagonal.len();
        let mut dense = DMatrix::zeros(size, size);
        for (i, &entry) in self.diagonal.iter().enumerate() {
            dense[(i, i)] = entry;
        }
        for (i, &entry) in self.beside.iter().take(size.saturating_sub(1)).enumerate() {
            dense[(i, i + 1)] = entry;
            dense[(i + 1, i)] = entry;
        }
        let out = self.beside.last().copied().unwrap_or(0.0);
        let eigen = SymmetricEigen::new(dense);
        let mut found: Vec<Ritz> = eigen
            .eigenvalues
            .iter()
            .zip(eigen.eigenvectors.column_iter())
            .map(|(&value, vector)| Ritz {
                value,
                weight: vector[0].powi(2),
                residual: (out * vector[size - 1]).abs(),
            })
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value));
        found
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
    /// Lanczos' iteration from a drawn vector, with full reorthogonalisation: at most `steps` of it, fewer where
    /// `is_enough` says so of what there is, or where the basis spans all.
    pub(super) fn tridiagonal(
        &mut self,
        steps: usize,
        (seed, probe): (u64, u64),
        mut is_enough: impl FnMut(&Tridiagonal) -> bool,
    ) -> Result<Tridiagonal, StepError> {
        let (dimension, _) = self.arithmetic.parameters(&self.model)?;
        let mut found = Tridiagonal::default();
        let mut basis: Vec<Gradients<E, D>> = Vec::new();
        // Streams of the generator: one for each vector that is drawn.
        let mut stream = probe << 32;
        let Some(first) = self.direction(&mut basis, seed, stream)? else {
            return Ok(found);
        };
        basis.push(first);
        // What is smaller is rounding.
        let mut scale = 0.0_f64;
        while found.diagonal.len() < steps.min(dimension) {
            let last = basis.len() - 1;
            let mut next = self.product(&mut basis[last])?;
            let entry = self
                .arithmetic
                .dot(&self.model, &mut next, &mut basis[last])?;
            found.diagonal.push(entry);
            self.orthogonalise(&mut next, &mut basis)?;
            let mut length = self.arithmetic.length(&self.model, &mut next)?;
            if !(entry.is_finite() && length.is_finite()) {
                return Err(StepError::NonFinite {
                    pass: crate::step::Pass::Perturbed,
                    norm: length,
                });
            }
            scale = scale.max(entry.abs()).max(length);
            let is_closed = length <= 10.0 * self.arithmetic.epsilon() * scale;
            if is_closed {
                // The Hessian leads no further: another vector, for what the first one has no part of.
                length = 0.0;
                stream += 1;
            }
            found.beside.push(length);
            if found.diagonal.len() == dimension || is_enough(&found) {
                break;
            }
            let next = if is_closed {
                self.direction(&mut basis, seed, stream)?
            } else {
                self.arithmetic
                    .scale(&self.model, &mut next, 1.0 / length)?;
                Some(next)
            };
            match next {
                Some(next) => basis.push(next),
                None => break,
            }
        }
        Ok(found)
    }

    /// A drawn vector of length 1 at right angles to the basis, if there is one.
    fn direction(
        &self,
        basis: &mut [Gradients<E, D>],
        seed: u64,
        stream: u64,
    ) -> Result<Option<Gradients<E, D>>, StepError> {
        let mut drawn = self.drawn(seed, stream, |rng| StandardNormal.sample(rng))?;
        let before = self.arithmetic.length(&self.model, &mut drawn)?;
        self.orthogonalise(&mut drawn, basis)?;
        let length = self.arithmetic.length(&self.model, &mut drawn)?;
        if length <= 10.0 * self.arithmetic.epsilon() * before {
            return Ok(None);
        }
        self.arithmetic
            .scale(&self.model, &mut drawn, 1.0 / length)?;
        Ok(Some(drawn))
    }

    /// Takes out of `v` what it has of the basis: twice, since once loses what rounding leaves.
    fn orthogonalise(
        &self,
        v: &mut Gradients<E, D>,
        basis: &mut [Gradients<E, D>],
    ) -> Result<(), StepError> {
        for _ in 0..2 {
            for u in &mut *basis {
                let along = self.arithmetic.dot(&self.model, v, u)?;
                self.arithmetic.combine(&self.model, 1.0, v, -along, u)?;
            }
        }
        Ok(())
    }
}
