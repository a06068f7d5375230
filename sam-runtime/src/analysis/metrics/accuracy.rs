//! Top-k accuracy over the batches of an epoch.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Storage, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{
    MetricError,
    error::check_size,
    rows::{largest, numbers},
};

/// The share of samples whose class is among the `k` largest logits, over batches of any size.
///
/// Of equal logits, the earlier counts as larger. A row with a NaN is never right; with `k` at least the number of classes every other row is.
/// See [`correct_top_k`](crate::analysis::correct_top_k).
///
/// ```
/// use sam_runtime::{analysis::metrics::Accuracy, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
/// let logits = dev.tensor([[2.0, 1.0, 3.0], [5.0, 0.0, 1.0]]);
/// let (mut top1, mut top2) = (Accuracy::top(1), Accuracy::top(2));
/// top1.add(&logits, &targets);
/// top2.add(&logits, &targets);
/// assert_eq!((top1.value(), top2.value()), (0.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    k: usize,
    correct: u64,
    samples: u64,
}

impl Accuracy {
    /// Top-`k` accuracy; 1 is plain accuracy.
    pub fn top(k: usize) -> Self {
        Self {
            k,
            correct: 0,
            samples: 0,
        }
    }

    /// One batch: logits, and targets that are one-hot or probabilities, (batch, classes) each.
    pub fn add<S, E, D, T>(&mut self, logits: &Tensor<S, E, D, T>, targets: &Tensor<S, E, D>)
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Storage<E>,
    {
        let [rows, classes] = targets.shape().concrete();
        let (logits, targets) = (numbers(logits), numbers(targets));
        let pairs = logits
            .chunks(classes.max(1))
            .zip(targets.chunks(classes.max(1)));
        let right = pairs.filter(|(logits, targets)| self.is_right(logits, targets));
        self.correct += right.count() as u64;
        self.samples += rows as u64;
    }

    /// The samples of another, as from another thread or rank.
    ///
    /// # Errors
    /// Another `k`.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        check_size("largest logits", other.k, self.k)?;
        self.correct += other.correct;
        self.samples += other.samples;
        Ok(())
    }

    /// The share of samples that are right, in `0..=1`; NaN where there were none.
    pub fn value(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The share of samples that are right, NaN where there were none; then begins anew.
    pub fn take(&mut self) -> f64 {
        let value = self.value();
        *self = Self::top(self.k);
        value
    }

    fn is_right(&self, logits: &[f64], targets: &[f64]) -> bool {
        let is_number = logits.iter().chain(targets).all(|x| !x.is_nan());
        let class = largest(targets);
        let Some(own) = logits.get(class).filter(|_| is_number) else {
            return false;
        };
        let logits = logits.iter().enumerate();
        let above = logits.filter(|&(i, x)| x > own || (x == own && i < class));
        above.count() < self.k
    }
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    /// Every row of one batch, in one type of numbers and the other, in parts that are merged.
    #[test]
    fn it_counts_what_correct_top_k_counts() {
        let dev = Cpu::seed_from_u64(3);
        let logits: Tensor<Rank2<200, 7>, f32, _> = dev.sample_normal();
        // Coarse, so that rows have ties.
        let mut logits = logits.array().map(|row| row.map(f32::round));
        logits[17][2] = f32::NAN;
        let logits = dev.tensor(logits);
        let targets: Tensor<Rank2<200, 7>, f32, _> = dev.sample_uniform();
        for k in 0..=8 {
            let mut accuracy = Accuracy::top(k);
            accuracy.add(&logits, &targets);
            let mut wide = Accuracy::top(k);
            wide.add(
                &logits.clone().to_dtype::<f64>(),
                &targets.clone().to_dtype::<f64>(),
            );
            assert_eq!(accuracy, wide);
            accuracy.merge(&wide).unwrap();
            let right = crate::analysis::correct_top_k(&logits, &targets, k);
            assert_eq!(accuracy.value(), right as f64 / 200.0, "{k}");
        }
        let refused = Accuracy::top(1).merge(&Accuracy::top(5));
        assert!(matches!(refused, Err(MetricError::Size { .. })));
    }

    #[test]
    fn batches_of_unequal_size_count_by_their_samples() {
        let dev = Cpu::default();
        let mut accuracy = Accuracy::top(1);
        assert!(accuracy.value().is_nan());
        let right = dev.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
        accuracy.add(&right, &right);
        let (wrong, target) = (dev.tensor([[1.0, 0.0]]), dev.tensor([[0.0, 1.0]]));
        accuracy.add(&wrong, &target);
        assert_eq!((accuracy.samples(), accuracy.take()), (4, 0.75));
        // Batches whose size is known only at run time, also empty ones.
        let empty = dev.tensor_from_vec(Vec::<f32>::new(), (0, Const::<2>));
        accuracy.add(&empty, &empty);
        assert!(accuracy.take().is_nan());
        let one = dev.tensor_from_vec(vec![0.25_f32, 0.75], (1, Const::<2>));
        accuracy.add(&one, &one);
        assert_eq!(accuracy.value(), 1.0);
    }
}
