//! Whether probabilities mean what they say.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    MetricError,
    error::{check_length, check_numbers, check_size},
    rows::{largest, pairs, softmax},
};

/// The expected calibration error (Naeini et al. 2015; Guo et al., [ICML 2017](https://arxiv.org/abs/1706.04599), equation 3): by how much the share of
/// samples that are right differs from the probability that the model gave them, as a mean over bins of that probability.
///
/// Bins are of equal width, and (*a*, *b*] each; the first one holds 0, too. torchmetrics' are [*a*, *b*) and put a confidence of exactly 1
/// into a bin of its own, which matters where many are.
///
/// ```
/// use sam_runtime::analysis::metrics::CalibrationError;
///
/// let mut calibration = CalibrationError::new(10);
/// // Of four samples with a confidence of 0.85, three are right.
/// calibration.add_confidences(&[0.85; 4], &[true, true, true, false])?;
/// assert!((calibration.value() - 0.10).abs() < 1e-12);
/// # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationError {
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bin {
    samples: u64,
    right: u64,
    /// The sum of the confidences.
    confidence: f64,
}

/// What is in one bin that has samples: a point of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationBin {
    /// Samples in it.
    pub samples: u64,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share of them that is right.
    pub accuracy: f64,
}

impl CalibrationError {
    /// No samples yet, in so many bins, at least one; 15 are usual.
    pub fn new(bins: usize) -> Self {
        Self {
            bins: vec![Bin::default(); bins.max(1)],
        }
    }

    /// One batch: logits, whose softmax is taken, and targets that are one-hot or probabilities, (batch, classes) each. The confidence
    /// is the largest probability.
    ///
    /// # Errors
    /// Sizes that differ, a NaN.
    pub fn add<S, E, D, T>(
        &mut self,
        logits: &Tensor<S, E, D, T>,
        targets: &Tensor<S, E, D>,
    ) -> Result<(), MetricError>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Storage<E>,
    {
        let [_, width] = logits.shape().concrete();
        let (logits, targets) = pairs(("classes", width), logits, targets)?;
        let rows = logits.chunks(width.max(1));
        for (logits, targets) in rows.zip(targets.chunks(width.max(1))) {
            let class = largest(logits);
            self.take(softmax(logits)[class], class == largest(targets));
        }
        Ok(())
    }

    /// One batch of confidences, 0 to 1, and whether each prediction is right.
    ///
    /// # Errors
    /// Confidences without predictions, a NaN, a confidence outside 0 to 1.
    pub fn add_confidences(
        &mut self,
        confidences: &[f64],
        right: &[bool],
    ) -> Result<(), MetricError> {
        check_length(confidences.len(), right.len())?;
        check_numbers("confidences", confidences, 1)?;
        let is_wrong = |value: &f64| !(0.0..=1.0).contains(value);
        if let Some(row) = confidences.iter().position(is_wrong) {
            return Err(MetricError::Value {
                what: "confidences",
                row,
                value: confidences[row],
                allowed: "a probability from 0 to 1",
            });
        }
        for (confidence, is_right) in confidences.iter().zip(right) {
            self.take(*confidence, *is_right);
        }
        Ok(())
    }

    /// The samples of another, as from another thread or rank.
    ///
    /// # Errors
    /// Another number of bins.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        check_size("bins", other.bins.len(), self.bins.len())?;
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.samples += more.samples;
            bin.right += more.right;
            bin.confidence += more.confidence;
        }
        Ok(())
    }

    /// The bins that have samples, from the least confident.
    pub fn bins(&self) -> Vec<CalibrationBin> {
        let there = self.bins.iter().filter(|bin| bin.samples > 0);
        let bin = |bin: &Bin| CalibrationBin {
            samples: bin.samples,
            confidence: bin.confidence / bin.samples as f64,
            accuracy: bin.right as f64 / bin.samples as f64,
        };
        there.map(bin).collect()
    }

    /// The expected calibration error, 0 to 1: Σ |accuracy − confidence| over the bins, each by its samples. NaN without samples.
    pub fn value(&self) -> f64 {
        let bins = self.bins();
        let all: u64 = bins.iter().map(|bin| bin.samples).sum();
        let sum: f64 = bins.iter().map(|bin| bin.gap() * bin.samples as f64).sum();
        sum / all as f64
    }

    /// The largest difference of any bin (Guo et al., equation 5). NaN without samples.
    pub fn largest(&self) -> f64 {
        let gaps = self.bins().into_iter().map(|bin| bin.gap());
        gaps.fold(f64::NAN, f64::max)
    }

    fn take(&mut self, confidence: f64, is_right: bool) {
        let last = self.bins.len().saturating_sub(1);
        let place = (confidence * self.bins.len() as f64).ceil() - 1.0;
        // As many as `new` makes, or none where someone has saved it so.
        if let Some(bin) = self.bins.get_mut((place.max(0.0) as usize).min(last)) {
            bin.samples += 1;
            bin.right += u64::from(is_right);
            bin.confidence += confidence;
        }
    }
}

impl CalibrationBin {
    fn gap(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}
