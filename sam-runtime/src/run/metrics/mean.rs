//! The weighted mean of an epoch's batches.

use serde::{Deserialize, Serialize};

use crate::run::number;

/// The mean over samples of what was measured batch by batch.
///
/// The sum is compensated (Neumaier 1974), products included: the error does not grow with the
/// number of batches. A NaN or an infinite value shows in the mean as in a plain sum.
///
/// ```
/// use sam_runtime::run::metrics::Mean;
///
/// let mut loss = Mean::new();
/// loss.add(2.0, 128); // a batch of 128 samples
/// loss.add(1.0, 64);
/// assert_eq!(loss.value(), (2.0 * 128.0 + 64.0) / 192.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    #[serde(with = "number")]
    sum: f64,
    /// What rounding took from `sum`.
    #[serde(with = "number")]
    lost: f64,
    samples: u64,
}

impl Mean {
    /// No batches yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One batch: the mean over its samples, and their number.
    pub fn add(&mut self, value: f64, samples: usize) {
        if samples == 0 {
            return;
        }
        let weight = samples as f64;
        let product = value * weight;
        self.plus(product);
        self.lost += value.mul_add(weight, -product);
        self.samples = self.samples.saturating_add(samples as u64);
    }

    /// The batches of another, as from another thread.
    pub fn merge(&mut self, other: &Self) {
        self.plus(other.sum);
        self.lost += other.lost;
        self.samples = self.samples.saturating_add(other.samples);
    }

    /// The mean over all samples; NaN where there were none.
    pub fn value(&self) -> f64 {
        // Beyond the finite numbers, what was lost is no number either.
        let sum = match self.sum.is_finite() {
            true => self.sum + self.lost,
            false => self.sum,
        };
        sum / self.samples as f64
    }

    /// As ranks send it.
    pub(in crate::run) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let parts = [self.sum.to_bits(), self.lost.to_bits(), self.samples];
        let (places, _) = bytes.as_chunks_mut();
        for (place, part) in places.iter_mut().zip(parts) {
            *place = part.to_le_bytes();
        }
        bytes
    }

    /// Back from there.
    pub(in crate::run) fn from_bytes(bytes: &[u8]) -> Self {
        let (parts, _) = bytes.as_chunks();
        let part = |at: usize| parts.get(at).map_or(0, |part| u64::from_le_bytes(*part));
        Self {
            sum: f64::from_bits(part(0)),
            lost: f64::from_bits(part(1)),
            samples: part(2),
        }
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The mean over all samples, NaN where there were none; then begins anew.
    pub fn take(&mut self) -> f64 {
        std::mem::take(self).value()
    }

    fn plus(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += match self.sum.abs() >= x.abs() {
            true => (self.sum - sum) + x,
            false => (x - sum) + self.sum,
        };
        self.sum = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mean(batches: &[(f64, usize)]) -> Mean {
        let mut mean = Mean::new();
        for &(value, samples) in batches {
            mean.add(value, samples);
        }
        mean
    }

    #[test]
    fn small_batches_are_not_lost_beside_large_ones() {
        // In plain f64 sums, 1e16 + 1 - 1e16 is 0.
        assert_eq!(mean(&[(1e16, 1), (1.0, 1), (-1e16, 1)]).value(), 1.0 / 3.0);
        // 0.1 is not exactly representable; a million of them drift by 1e-12 in a plain sum.
        let many = mean(&vec![(0.1, 3); 1_000_000]);
        assert_eq!(many.value(), 0.1);
        assert_eq!(many.samples(), 3_000_000);
    }

    #[test]
    fn what_is_not_finite_shows() {
        assert!(mean(&[]).value().is_nan());
        assert!(mean(&[(1.0, 0)]).value().is_nan());
        assert!(mean(&[(1.0, 1), (f64::NAN, 2), (1.0, 1)]).value().is_nan());
        assert_eq!(
            mean(&[(1.0, 1), (f64::INFINITY, 2), (1.0, 1)]).value(),
            f64::INFINITY
        );
        assert_eq!(
            mean(&[(f64::NEG_INFINITY, 2), (1.0, 1)]).value(),
            f64::NEG_INFINITY
        );
        assert!(
            mean(&[(f64::INFINITY, 1), (f64::NEG_INFINITY, 1)])
                .value()
                .is_nan()
        );
        // A batch of no samples has no say, whatever its mean.
        assert_eq!(mean(&[(f64::NAN, 0), (3.0, 2)]).value(), 3.0);
    }

    /// As a checkpoint has it: JSON has no infinity.
    #[test]
    fn a_sum_that_has_overflowed_comes_back() {
        let big = mean(&[(1e308, 8), (1e308, 8)]);
        assert_eq!(big.value(), f64::INFINITY);
        let json = serde_json::to_string(&big).unwrap();
        let mut again: Mean = serde_json::from_str(&json).unwrap();
        assert_eq!(again.value(), f64::INFINITY);
        assert_eq!(again.samples(), 16);
        again.add(1.0, 8);
        assert_eq!(again.value(), f64::INFINITY);
        // What an earlier version left of one.
        let old = r#"{"sum": null, "lost": null, "samples": 16}"#;
        let old: Mean = serde_json::from_str(old).unwrap();
        assert!(old.value().is_nan());
    }

    #[test]
    fn taking_begins_anew() {
        let mut loss = mean(&[(1.0, 2)]);
        assert_eq!(loss.take(), 1.0);
        assert_eq!(loss.samples(), 0);
        loss.add(5.0, 1);
        assert_eq!(loss.value(), 5.0);
    }

    proptest! {
        /// Against exact arithmetic: values are integers over 2^40, so the sum fits into i128.
        #[test]
        fn it_is_the_exact_mean_rounded(batches in prop::collection::vec(
            (-(1_i64 << 52)..(1 << 52), 0_usize..1000), 1..200), cut in 0_usize..200)
        {
            const UNIT: f64 = (1_u64 << 40) as f64;
            let floats: Vec<_> = batches.iter().map(|&(v, n)| (v as f64 / UNIT, n)).collect();
            let sum: i128 = batches.iter().map(|&(v, n)| i128::from(v) * n as i128).sum();
            let samples: u64 = batches.iter().map(|&(_, n)| n as u64).sum();
            prop_assume!(samples > 0);
            let exact = sum as f64 / UNIT / samples as f64;
            let whole = mean(&floats).value();
            prop_assert!((whole - exact).abs() <= 1e-15 * exact.abs(), "{whole} {exact}");
            let (a, b) = floats.split_at(cut.min(floats.len()));
            let mut merged = mean(a);
            merged.merge(&mean(b));
            prop_assert!((merged.value() - exact).abs() <= 1e-15 * exact.abs());
        }
    }
}
