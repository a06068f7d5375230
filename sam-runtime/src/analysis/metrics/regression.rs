//! How far predicted numbers are off.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    MetricError,
    error::{check_length, check_numbers, check_size},
    rows::numbers,
};

/// The mean absolute error, the root mean squared error and R² of predicted numbers, for one output or several.
///
/// Sums are kept, not samples; those of R² about the mean so far (Welford 1962; Chan et al. 1979), so that targets far from 0 lose nothing.
///
/// ```
/// use sam_runtime::analysis::metrics::RegressionErrors;
///
/// let mut errors = RegressionErrors::new(1);
/// errors.add_numbers(&[2.5, 0.0, 2.0, 8.0], &[3.0, -0.5, 2.0, 7.0])?;
/// assert_eq!(errors.mae(), 0.5);
/// assert!((errors.rmse() - 0.6124).abs() < 1e-4);
/// assert!((errors.r2() - 0.9486).abs() < 1e-4);
/// # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressionErrors {
    outputs: Vec<Output>,
    samples: u64,
}

/// Sums over the samples of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    /// Of the differences, without sign.
    absolute: f64,
    /// Of their squares.
    squared: f64,
    /// The mean target.
    mean: f64,
    /// Of the squared distances of targets from their mean.
    spread: f64,
}

impl Output {
    fn add(&mut self, prediction: f64, target: f64, samples: f64) {
        let error = prediction - target;
        self.absolute += error.abs();
        self.squared += error * error;
        let off = target - self.mean;
        self.mean += off / samples;
        self.spread += off * (target - self.mean);
    }

    fn merge(&mut self, other: &Self, (mine, others): (f64, f64)) {
        let (off, all) = (other.mean - self.mean, mine + others);
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.mean += off * others / all;
        self.spread += other.spread + off * off * mine * others / all;
    }

    fn r2(&self) -> f64 {
        match (self.squared, self.spread) {
            (0.0, 0.0) => 1.0,
            (_, 0.0) => 0.0,
            (squared, spread) => 1.0 - squared / spread,
        }
    }
}

impl RegressionErrors {
    /// No samples yet, with so many outputs each.
    pub fn new(outputs: usize) -> Self {
        Self {
            outputs: vec![Output::default(); outputs],
            samples: 0,
        }
    }

    /// One batch: predictions and targets, (batch, outputs) each, or (batch,) of one output. A further dimension counts into the outputs.
    ///
    /// # Errors
    /// Sizes that differ or are not those of the outputs; a NaN.
    pub fn add<S: Shape, E: Dtype, D: Storage<E>, T>(
        &mut self,
        predictions: &Tensor<S, E, D, T>,
        targets: &Tensor<S, E, D>,
    ) -> Result<(), MetricError> {
        for shape in [predictions.shape(), targets.shape()] {
            let outputs = shape.concrete().into_iter().skip(1).product();
            check_size("outputs", outputs, self.outputs.len())?;
        }
        self.add_numbers(&numbers(predictions), &numbers(targets))
    }

    /// One batch: predictions and targets, sample by sample, the outputs of each side by side.
    ///
    /// # Errors
    /// Predictions without targets; a number of them that the outputs do not divide; a NaN.
    pub fn add_numbers(&mut self, predictions: &[f64], targets: &[f64]) -> Result<(), MetricError> {
        let width = self.outputs.len();
        check_length(predictions.len(), targets.len())?;
        check_numbers("predictions", predictions, width)?;
        check_numbers("targets", targets, width)?;
        match predictions.len().checked_rem(width) {
            Some(0) => {}
            None if predictions.is_empty() => return Ok(()),
            left => check_size("outputs", left.unwrap_or(predictions.len()), width)?,
        }
        let rows = predictions.chunks(width.max(1));
        for (predictions, targets) in rows.zip(targets.chunks(width.max(1))) {
            self.samples += 1;
            let numbers = predictions.iter().zip(targets);
            for ((prediction, target), output) in numbers.zip(&mut self.outputs) {
                output.add(*prediction, *target, self.samples as f64);
            }
        }
        Ok(())
    }

    /// The samples of another, as from another thread or rank.
    ///
    /// # Errors
    /// Another number of outputs.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        check_size("outputs", other.outputs.len(), self.outputs.len())?;
        if other.samples == 0 {
            return Ok(());
        }
        let samples = (self.samples as f64, other.samples as f64);
        for (output, more) in self.outputs.iter_mut().zip(&other.outputs) {
            output.merge(more, samples);
        }
        self.samples += other.samples;
        Ok(())
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The mean absolute error over all outputs; NaN without samples.
    pub fn mae(&self) -> f64 {
        mean(self.mae_of_each())
    }

    /// The mean squared error over all outputs; NaN without samples.
    pub fn mse(&self) -> f64 {
        mean(self.mse_of_each())
    }

    /// The root of [`mse`](Self::mse), as torchmetrics has it; scikit-learn takes the mean of the outputs' roots.
    pub fn rmse(&self) -> f64 {
        self.mse().sqrt()
    }

    /// R², the share of the targets' variance that the predictions explain, as a mean over the outputs: 1 is perfect, 0 is the mean for every sample, and
    /// worse is negative. Of targets that are all alike it is 1 where the predictions are right, and else 0, as scikit-learn has it. NaN with fewer than two samples.
    pub fn r2(&self) -> f64 {
        mean(self.r2_of_each())
    }

    /// The mean absolute error of each output.
    pub fn mae_of_each(&self) -> Vec<f64> {
        let samples = self.samples as f64;
        let outputs = self.outputs.iter();
        outputs.map(|output| output.absolute / samples).collect()
    }

    /// The mean squared error of each output.
    pub fn mse_of_each(&self) -> Vec<f64> {
        let samples = self.samples as f64;
        let outputs = self.outputs.iter();
        outputs.map(|output| output.squared / samples).collect()
    }

    /// R² of each output.
    pub fn r2_of_each(&self) -> Vec<f64> {
        let r2 = |output: &Output| match self.samples {
            0 | 1 => f64::NAN,
            _ => output.r2(),
        };
        self.outputs.iter().map(r2).collect()
    }
}

fn mean(values: Vec<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
