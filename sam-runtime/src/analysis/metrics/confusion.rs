//! Which class was taken for which.

use dfdx::{
    shapes::{Dtype, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    MetricError,
    error::{check_length, check_size},
    rows::{largest, pairs},
};

/// How many samples of each class were given each class, and what follows of it: accuracy, precision, recall, F1.
///
/// Of equal logits the first counts as the largest, as in [`correct`](crate::analysis::correct).
///
/// `Display` shows it as text on up to 80 columns, [`text`](Self::text) on any, and `picture` as a picture, with
/// the feature `plot`.
///
/// ```
/// use sam_runtime::analysis::metrics::{Average, ConfusionMatrix};
///
/// let mut confusion = ConfusionMatrix::new(3);
/// confusion.add_classes(&[0, 0, 1, 2, 0, 1], &[0, 1, 1, 2, 0, 2])?;
/// assert_eq!(confusion.count(2, 1), 1);
/// assert_eq!(confusion.accuracy(), 4.0 / 6.0);
/// assert_eq!(confusion.of_class(0).unwrap().precision, 2.0 / 3.0);
/// assert!((confusion.f1(Average::Macro) - 0.6556).abs() < 1e-4);
/// # Ok::<(), sam_runtime::analysis::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct ConfusionMatrix {
    names: Vec<String>,
    /// Target by target, what was predicted.
    counts: Vec<u64>,
}

/// As it is saved, and may be wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    names: Vec<String>,
    counts: Vec<u64>,
}

impl TryFrom<Saved> for ConfusionMatrix {
    type Error = MetricError;

    fn try_from(Saved { names, counts }: Saved) -> Result<Self, MetricError> {
        let expected = names.len().saturating_mul(names.len());
        check_size("counts", counts.len(), expected)?;
        Ok(Self { names, counts })
    }
}

impl ConfusionMatrix {
    /// No samples yet, of so many classes, called by their numbers.
    pub fn new(classes: usize) -> Self {
        Self::named((0..classes).map(|class| class.to_string()))
    }

    /// No samples yet, of classes of these names.
    pub fn named(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let counts = vec![0; names.len() * names.len()];
        Self { names, counts }
    }

    /// One batch: logits or probabilities, and targets that are one-hot or probabilities, (batch, classes) each.
    ///
    /// # Errors
    /// Another number of classes or rows, a NaN.
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
        let classes = self.classes();
        let (logits, targets) = pairs(("classes", classes), logits, targets)?;
        let rows = logits.chunks(classes.max(1)).map(largest);
        for (predicted, row) in rows.zip(targets.chunks(classes.max(1))) {
            self.counts[largest(row) * classes + predicted] += 1;
        }
        Ok(())
    }

    /// One batch of classes by their numbers.
    ///
    /// # Errors
    /// A class beyond those there are, predictions without targets.
    pub fn add_classes(
        &mut self,
        predicted: &[usize],
        targets: &[usize],
    ) -> Result<(), MetricError> {
        check_length(predicted.len(), targets.len())?;
        let classes = self.classes();
        for (sample, (&a, &b)) in predicted.iter().zip(targets).enumerate() {
            if let Some(class) = [a, b].into_iter().find(|class| *class >= classes) {
                return Err(MetricError::Class {
                    sample,
                    class,
                    classes,
                });
            }
        }
        for (predicted, target) in predicted.iter().zip(targets) {
            self.counts[target * classes + predicted] += 1;
        }
        Ok(())
    }

    /// The samples of another, as from another thread or rank.
    ///
    /// # Errors
    /// Another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        check_size("classes", other.classes(), self.classes())?;
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        Ok(())
    }

    /// Back to no samples.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// What the classes are called.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Samples of class `target` that were given `predicted`; 0 for classes that there are not.
    pub fn count(&self, target: usize, predicted: usize) -> u64 {
        let is_there = target < self.classes() && predicted < self.classes();
        match is_there {
            true => self.counts[target * self.classes() + predicted],
            false => 0,
        }
    }

    /// The counts of each class of targets, by what was predicted.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks(self.classes().max(1))
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.counts.iter().sum()
    }
}
