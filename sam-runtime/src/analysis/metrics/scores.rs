//! What is computed of a confusion matrix.

use serde::{Deserialize, Serialize};

use super::ConfusionMatrix;

/// How the scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The mean over the classes, each as much as any other. Classes that neither a target nor a prediction has are left out, as scikit-learn
    /// and torchmetrics do.
    Macro,
    /// Of all samples together. With one class for each sample, precision, recall and F1 are then the accuracy.
    Micro,
    /// The mean over the classes, each by its samples.
    Weighted,
}

/// How well one class is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of the samples that were given this class, the share that has it; 0 where none was.
    pub precision: f64,
    /// Of the samples that have this class, the share that was given it; 0 where none has.
    pub recall: f64,
    /// The harmonic mean of both; 0 where either is.
    pub f1: f64,
    /// Samples that have this class.
    pub samples: u64,
    /// Samples that were given it.
    pub predicted: u64,
}

impl ConfusionMatrix {
    /// How well each class is found.
    pub fn scores(&self) -> Vec<ClassScores> {
        let mut predicted = vec![0; self.classes()];
        for row in self.rows() {
            for (sum, count) in predicted.iter_mut().zip(row) {
                *sum += count;
            }
        }
        let rows = self.rows().zip(predicted).enumerate();
        let scores = rows.map(|(class, (row, predicted))| {
            let (right, samples) = (row[class], row.iter().sum());
            ClassScores {
                precision: share(right, predicted),
                recall: share(right, samples),
                f1: share(2 * right, samples + predicted),
                samples,
                predicted,
            }
        });
        scores.collect()
    }

    /// How well one class is found; `None` for one that there is not.
    pub fn of_class(&self, class: usize) -> Option<ClassScores> {
        self.scores().get(class).copied()
    }

    /// The share of samples whose class was found; NaN where there are none.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.samples() as f64
    }

    /// The mean recall of the classes that samples have, as scikit-learn's `balanced_accuracy_score`; NaN where there are no samples.
    pub fn balanced_accuracy(&self) -> f64 {
        let scores = self.scores().into_iter();
        mean(
            scores
                .filter(|class| class.samples > 0)
                .map(|class| (class.recall, 1.0)),
        )
    }

    /// The precision of all classes; NaN where there are no samples.
    pub fn precision(&self, average: Average) -> f64 {
        self.averaged(average, |class| class.precision)
    }

    /// The recall of all classes; NaN where there are no samples.
    pub fn recall(&self, average: Average) -> f64 {
        self.averaged(average, |class| class.recall)
    }

    /// The F1 of all classes; NaN where there are no samples.
    pub fn f1(&self, average: Average) -> f64 {
        self.averaged(average, |class| class.f1)
    }

    fn averaged(&self, average: Average, score: impl Fn(&ClassScores) -> f64) -> f64 {
        let scores = self.scores();
        let there = scores
            .iter()
            .filter(|class| class.samples + class.predicted > 0);
        match average {
            Average::Macro => mean(there.map(|class| (score(class), 1.0))),
            Average::Micro => self.accuracy(),
            Average::Weighted => mean(there.map(|class| (score(class), class.samples as f64))),
        }
    }

    fn right(&self) -> u64 {
        (0..self.classes())
            .map(|class| self.count(class, class))
            .sum()
    }
}

/// 0 of none.
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// The weighted mean; NaN of none.
pub(super) fn mean(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let add = |(sum, all), (value, weight)| (sum + value * weight, all + weight);
    let (sum, all) = values.fold((0.0, 0.0), add);
    sum / all
}
