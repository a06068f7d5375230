//! The loss along a line between two solutions, and on a plane through one.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::Gradients};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::{Objective, vectors::generator};
use crate::step::{LossValue, SplitBatch, StepError};

/// The loss along a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossLine {
    /// Where on the line: 0 is the model, 1 the other one.
    pub at: Vec<f64>,
    /// The loss there.
    pub losses: Vec<f64>,
}

/// The loss on a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossPlane {
    /// Where along each of the two directions; 0 is the model. In units of the filters' own lengths.
    pub at: Vec<f64>,
    /// The loss at `(at[column], at[row])`, row by row.
    pub losses: Vec<Vec<f64>>,
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
    /// The loss at `(1 - t) w + t w'` for each `t`, where `w` are the weights and `w'` those of `other` (Goodfellow et
    /// al. 2015). One pass for each.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn line_to(&mut self, other: &M, at: Vec<f64>) -> Result<LossLine, StepError> {
        self.begin(at.len());
        let mut way = self.arithmetic.difference(other, &self.model)?;
        let mut losses = Vec::with_capacity(at.len());
        for &t in &at {
            let mut e = self.arithmetic.zeros(&self.model)?;
            self.arithmetic
                .combine(&self.model, 0.0, &mut e, t, &mut way)?;
            losses.push(self.loss_at(Some(&mut e))?);
        }
        Ok(LossLine { at, losses })
    }

    /// The loss at `w + x d + y d'` for each pair of `at`, on two drawn directions whose filters are as long as those of
    /// `w` (Li et al. 2018, section 4): a filter is a row of a parameter with more than one axis; parameters with one axis,
    /// biases and those of normalisation, stay. One pass for each pair.
    ///
    /// # Errors
    /// See [`loss`](Self::loss).
    pub fn plane(&mut self, at: Vec<f64>, seed: u64) -> Result<LossPlane, StepError> {
        self.begin(at.len() * at.len());
        let mut directions = [
            self.filter_direction(seed, 0)?,
            self.filter_direction(seed, 1)?,
        ];
        let [along_x, along_y] = &mut directions;
        let mut losses = Vec::with_capacity(at.len());
        for &y in &at {
            let mut row = Vec::with_capacity(at.len());
            for &x in &at {
                let mut e = self.arithmetic.zeros(&self.model)?;
                self.arithmetic
                    .combine(&self.model, 0.0, &mut e, x, along_x)?;
                self.arithmetic
                    .combine(&self.model, 1.0, &mut e, y, along_y)?;
                row.push(self.loss_at(Some(&mut e))?);
            }
            losses.push(row);
        }
        Ok(LossPlane { at, losses })
    }

    /// A drawn direction with the lengths of the model's filters.
    fn filter_direction(&self, seed: u64, stream: u64) -> Result<Gradients<E, D>, StepError> {
        let mut rng = generator(seed, stream);
        self.arithmetic
            .of_tensors(&self.model, |shape, len, weights| {
                if shape.len() < 2 || shape[0] == 0 {
                    return vec![0.0; len];
                }
                let filters = weights.chunks((len / shape[0]).max(1));
                let direction = filters.flat_map(|filter| {
                    let drawn: Vec<f64> = filter
                        .iter()
                        .map(|_| StandardNormal.sample(&mut rng))
                        .collect();
                    let of_weights = length(filter.iter().map(|w| w.to_f64().unwrap_or(0.0)));
                    let scale = of_weights / length(drawn.iter().copied());
                    drawn.into_iter().map(move |z| z * scale)
                });
                direction.collect()
            })
    }
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}
