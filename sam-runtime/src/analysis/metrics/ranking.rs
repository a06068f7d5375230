//! How well scores order samples of two classes.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    MetricError,
    error::{check_length, check_numbers},
    rows::numbers,
};

/// The area under the ROC curve, and the average precision, of scores for yes and no.
///
/// The values are exact, ties included, as scikit-learn's: the scores of all samples are kept, 16 bytes each. Only their order matters, so
/// logits and probabilities are equally good.
///
/// ```
/// use sam_runtime::analysis::metrics::BinaryRanking;
///
/// let mut ranking = BinaryRanking::new();
/// ranking.add_scores(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert_eq!(ranking.roc_auc(), 0.75);
/// assert!((ranking.average_precision() - 0.8333).abs() < 1e-4);
/// # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BinaryRanking {
    /// Scores, and whether the sample is positive.
    samples: Vec<(f64, bool)>,
}

impl BinaryRanking {
    /// No samples yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One batch: scores of any shape, and for each the target, 0 or 1.
    ///
    /// # Errors
    /// Shapes that differ, a NaN, a target that is neither.
    pub fn add<S: Shape, E: Dtype, D: Storage<E>, T>(
        &mut self,
        scores: &Tensor<S, E, D, T>,
        targets: &Tensor<S, E, D>,
    ) -> Result<(), MetricError> {
        let width = scores.shape().concrete().into_iter().skip(1).product();
        let (scores, targets) = (numbers(scores), numbers(targets));
        check_length(scores.len(), targets.len())?;
        check_numbers("predictions", &scores, width)?;
        let targets = yes_or_no(&targets, width)?;
        self.samples.extend(scores.into_iter().zip(targets));
        Ok(())
    }

    /// One batch: scores, and which of them are of positives.
    ///
    /// # Errors
    /// Scores without targets, a NaN.
    pub fn add_scores(&mut self, scores: &[f64], targets: &[bool]) -> Result<(), MetricError> {
        check_length(scores.len(), targets.len())?;
        check_numbers("predictions", scores, 1)?;
        let samples = scores.iter().copied().zip(targets.iter().copied());
        self.samples.extend(samples);
        Ok(())
    }

    /// The samples of another, as from another thread or rank.
    pub fn merge(&mut self, other: &Self) {
        self.samples.extend_from_slice(&other.samples);
    }

    /// Samples so far.
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// Positives among them.
    pub fn positives(&self) -> usize {
        self.samples.iter().filter(|(_, is_yes)| *is_yes).count()
    }

    /// The probability that a positive has a higher score than a negative, of equal ones half: the area under the ROC curve. NaN without
    /// positives or without negatives.
    pub fn roc_auc(&self) -> f64 {
        let positives = self.positives() as f64;
        let negatives = self.samples.len() as f64 - positives;
        let (mut above, mut area) = (0.0, 0.0);
        for (yes, no) in self.steps() {
            area += no * (above + yes / 2.0);
            above += yes;
        }
        area / (positives * negatives)
    }

    /// The mean precision over the positives, each at its own score: Σ (*R<sub>n</sub>* − *R<sub>n−1</sub>*) *P<sub>n</sub>* over all thresholds, as
    /// scikit-learn's `average_precision_score`. NaN without positives.
    pub fn average_precision(&self) -> f64 {
        let positives = self.positives() as f64;
        let (mut right, mut all, mut sum) = (0.0, 0.0, 0.0);
        for (yes, no) in self.steps() {
            right += yes;
            all += yes + no;
            sum += yes * right / all;
        }
        sum / positives
    }

    /// The ROC curve, from (0, 0) to (1, 1): at each score, from the highest, the share of negatives and of positives that have it or more. Empty
    /// without positives or without negatives.
    pub fn roc_curve(&self) -> Vec<(f64, f64)> {
        let positives = self.positives() as f64;
        let negatives = self.samples.len() as f64 - positives;
        if positives == 0.0 || negatives == 0.0 {
            return Vec::new();
        }
        let mut found = (0.0, 0.0);
        let points = self.steps().into_iter().map(|(yes, no)| {
            found = (found.0 + no, found.1 + yes);
            (found.0 / negatives, found.1 / positives)
        });
        [(0.0, 0.0)].into_iter().chain(points).collect()
    }

    /// Positives and negatives at each score, from the highest.
    fn steps(&self) -> Vec<(f64, f64)> {
        let mut samples = self.samples.clone();
        samples.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        // 0 and -0 are equal.
        let groups = samples.chunk_by(|a, b| a.0 == b.0);
        let count = |group: &[(f64, bool)]| {
            let yes = group.iter().filter(|(_, is_yes)| *is_yes).count();
            (yes as f64, (group.len() - yes) as f64)
        };
        groups.map(count).collect()
    }
}

/// Targets that are 0 or 1.
pub(super) fn yes_or_no(targets: &[f64], width: usize) -> Result<Vec<bool>, MetricError> {
    check_numbers("targets", targets, width)?;
    let target = |(at, &value): (usize, &f64)| match value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(MetricError::Value {
            what: "targets",
            row: at / width.max(1),
            value,
            allowed: "0 or 1",
        }),
    };
    targets.iter().enumerate().map(target).collect()
}
