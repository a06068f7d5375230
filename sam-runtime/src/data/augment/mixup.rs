//! Mixtures of a batch's samples.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::Beta;

/// Mixup (Zhang et al., [ICLR 2018](https://arxiv.org/abs/1710.09412)): turns each of `rows` samples
/// into `lambda` of itself and `1 - lambda` of another, inputs and one-hot targets alike.
///
/// One `lambda` for the batch, from `weights`; the others are the batch in random order.
pub(super) fn mixup(
    inputs: &mut [f32],
    targets: &mut [f32],
    rows: usize,
    weights: Beta<f64>,
    rng: &mut impl Rng,
) {
    if rows == 0 {
        return;
    }
    let lambda = rng.sample(weights) as f32;
    let mut partners: Vec<usize> = (0..rows).collect();
    partners.shuffle(rng);
    for numbers in [inputs, targets] {
        let width = numbers.len() / rows;
        let old = numbers.to_vec();
        for (row, &partner) in partners.iter().enumerate() {
            let own = &mut numbers[row * width..][..width];
            for (number, &other) in own.iter_mut().zip(&old[partner * width..][..width]) {
                *number = lambda * *number + (1.0 - lambda) * other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use proptest::prelude::*;

    /// Row `r` has the input `2^r` and the class `r`.
    fn mixed(rows: usize, alpha: f64, index: usize) -> (Vec<f32>, Vec<f32>) {
        let mut inputs: Vec<f32> = (0..rows).map(|row| (1 << row) as f32).collect();
        let mut targets: Vec<f32> = (0..rows * rows)
            .map(|at| f32::from(u8::from(at / rows == at % rows)))
            .collect();
        let weights = Beta::new(alpha, alpha).unwrap();
        mixup(&mut inputs, &mut targets, rows, weights, &mut rng(index));
        (inputs, targets)
    }

    proptest! {
        #[test]
        fn labels_sum_to_one_and_are_mixed_like_inputs(
            rows in 1_usize..9,
            alpha in 0.05..5.0_f64,
            index: usize,
        ) {
            let (inputs, targets) = mixed(rows, alpha, index);
            for (row, (input, target)) in inputs.iter().zip(targets.chunks(rows)).enumerate() {
                prop_assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                prop_assert!(target.iter().filter(|&&t| t > 0.0).count() <= 2);
                let wanted: f32 = target.iter().enumerate().map(|(c, t)| t * (1 << c) as f32).sum();
                prop_assert!((input - wanted).abs() < 1e-4, "row {row}: {input} {wanted}");
            }
        }
    }

    #[test]
    fn alpha_shapes_the_weights() {
        // Of Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
        for alpha in [0.2, 1.0, 4.0] {
            let weights: Vec<f64> = (0..4_000)
                .filter_map(|index| {
                    let (_, targets) = mixed(2, alpha, index);
                    // In half of the batches each sample's partner is itself.
                    (targets[1] > 0.0).then(|| f64::from(targets[0]))
                })
                .collect();
            let n = weights.len() as f64;
            let mean = weights.iter().sum::<f64>() / n;
            let variance = weights.iter().map(|w| (w - 0.5).powi(2)).sum::<f64>() / n;
            let wanted = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.04, "{alpha}: {mean}");
            assert!(
                (variance - wanted).abs() < 0.1 * wanted,
                "{alpha}: {variance} {wanted}"
            );
        }
    }
}
