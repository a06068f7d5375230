//! How well scores order samples of several classes, or of several labels.

use dfdx::{
    shapes::{Dtype, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    BinaryRanking, MetricError,
    error::check_size,
    ranking::yes_or_no,
    rows::{largest, pairs, softmax},
    scores::mean,
};

/// A [`BinaryRanking`] for each class against all others, and their mean; the same for labels of which a sample has several.
///
/// ```
/// use sam_runtime::{analysis::metrics::OneVsRest, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let mut ranking = OneVsRest::new(3);
/// let logits = dev.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.5], [0.1, 0.0, 0.2], [1.0, 2.0, 0.0]]);
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
/// ranking.add_logits(&logits, &targets)?;
/// assert_eq!(ranking.of_class(1).unwrap().roc_auc(), 2.0 / 3.0);
/// # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneVsRest {
    classes: Vec<BinaryRanking>,
}

impl OneVsRest {
    /// No samples yet, of so many classes or labels.
    pub fn new(classes: usize) -> Self {
        Self {
            classes: vec![BinaryRanking::new(); classes],
        }
    }

    /// One batch of samples with one class each: logits, whose softmax is taken, and targets that are one-hot or
    /// probabilities, (batch, classes) each.
    ///
    /// # Errors
    /// Another number of classes or rows, a NaN.
    pub fn add_logits<S, E, D, T>(
        &mut self,
        logits: &Tensor<S, E, D, T>,
        targets: &Tensor<S, E, D>,
    ) -> Result<(), MetricError>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Storage<E>,
    {
        let width = self.classes.len();
        let (logits, targets) = pairs(("classes", width), logits, targets)?;
        let rows = logits.chunks(width.max(1));
        for (logits, targets) in rows.zip(targets.chunks(width.max(1))) {
            let class = largest(targets);
            let scores = softmax(logits).into_iter().enumerate();
            for ((i, score), ranking) in scores.zip(&mut self.classes) {
                ranking.add_scores(&[score], &[i == class])?;
            }
        }
        Ok(())
    }

    /// One batch of samples with any number of labels: a score for each label, taken as it is, and targets of 0 and 1,
    /// (batch, labels) each.
    ///
    /// # Errors
    /// Another number of labels or rows, a NaN, a target that is neither 0 nor 1.
    pub fn add_scores<S, E, D, T>(
        &mut self,
        scores: &Tensor<S, E, D, T>,
        targets: &Tensor<S, E, D>,
    ) -> Result<(), MetricError>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Storage<E>,
    {
        let width = self.classes.len();
        let (scores, targets) = pairs(("labels", width), scores, targets)?;
        let targets = yes_or_no(&targets, width)?;
        let places = scores.iter().zip(&targets).enumerate();
        for (i, (score, target)) in places {
            self.classes[i % width].add_scores(&[*score], &[*target])?;
        }
        Ok(())
    }

    /// The samples of another, as from another thread or rank.
    ///
    /// # Errors
    /// Another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        check_size("classes", other.classes.len(), self.classes.len())?;
        for (ranking, more) in self.classes.iter_mut().zip(&other.classes) {
            ranking.merge(more);
        }
        Ok(())
    }

    /// One class against all others; `None` for one that there is not.
    pub fn of_class(&self, class: usize) -> Option<&BinaryRanking> {
        self.classes.get(class)
    }

    /// The mean area under the ROC curve of the classes that have positives and negatives; NaN where there are none. Where all have, it is
    /// scikit-learn's `roc_auc_score` with `multi_class="ovr"`.
    pub fn roc_auc(&self) -> f64 {
        self.mean(BinaryRanking::roc_auc)
    }

    /// The mean average precision of the classes that have positives; NaN where there are none.
    pub fn average_precision(&self) -> f64 {
        self.mean(BinaryRanking::average_precision)
    }

    fn mean(&self, value: impl Fn(&BinaryRanking) -> f64) -> f64 {
        let values = self.classes.iter().map(value);
        mean(
            values
                .filter(|value| !value.is_nan())
                .map(|value| (value, 1.0)),
        )
    }
}
