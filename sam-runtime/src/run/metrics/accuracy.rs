//! Top-k accuracy over the batches of an epoch.

use dfdx::{
    shapes::{Const, Dim, HasShape, Shape},
    tensor::{Storage, Tensor},
};

use crate::analysis::correct_top_k;

/// The share of samples whose class is among the `k` largest logits, over batches of any size.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, run::metrics::Accuracy};
///
/// let dev = Cpu::default();
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
/// let logits = dev.tensor([[2.0, 1.0, 3.0], [5.0, 0.0, 1.0]]);
/// let (mut top1, mut top2) = (Accuracy::top(1), Accuracy::top(2));
/// top1.add(&logits, &targets);
/// top2.add(&logits, &targets);
/// assert_eq!((top1.value(), top2.value()), (0.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug)]
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

    /// One batch: logits, and targets that are one-hot or probabilities; see [`correct_top_k`].
    pub fn add<B: Dim, const CLASSES: usize, D: Storage<f32>, T>(
        &mut self,
        logits: &Tensor<(B, Const<CLASSES>), f32, D, T>,
        targets: &Tensor<(B, Const<CLASSES>), f32, D>,
    ) where
        (B, Const<CLASSES>): Shape,
    {
        self.correct += correct_top_k(logits, targets, self.k) as u64;
        self.samples += targets.shape().0.size() as u64;
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
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

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
