//! Tensors as rows of `f64`.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{Storage, Tensor},
};

use super::{
    MetricError,
    error::{check_length, check_numbers, check_size},
};

/// All numbers of a tensor, row by row.
pub(super) fn numbers<S: Shape, E: Dtype, D: Storage<E>, T>(x: &Tensor<S, E, D, T>) -> Vec<f64> {
    if x.shape().num_elements() == 0 {
        // dfdx reads no empty tensors.
        return Vec::new();
    }
    let wide = |x: &E| x.to_f64().unwrap_or(f64::NAN);
    x.as_vec().iter().map(wide).collect()
}

/// Rows of predictions and of targets, `width` numbers each, none of them NaN.
pub(super) fn pairs<S, E, D, T>(
    (what, width): (&'static str, usize),
    predictions: &Tensor<S, E, D, T>,
    targets: &Tensor<S, E, D>,
) -> Result<(Vec<f64>, Vec<f64>), MetricError>
where
    S: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Storage<E>,
{
    let [rows, found] = predictions.shape().concrete();
    let [of_targets, targets_found] = targets.shape().concrete();
    check_size(what, found, width)?;
    check_size(what, targets_found, width)?;
    check_length(rows, of_targets)?;
    let (predictions, targets) = (numbers(predictions), numbers(targets));
    check_numbers("predictions", &predictions, width)?;
    check_numbers("targets", &targets, width)?;
    Ok((predictions, targets))
}

/// The place of the first maximum.
pub(super) fn largest(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

/// The softmax of a row. Of infinite logits, those that are highest share all.
pub(super) fn softmax(row: &[f64]) -> Vec<f64> {
    let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let power = |&x: &f64| match x == highest {
        true => 1.0,
        false => (x - highest).exp(),
    };
    let powers: Vec<f64> = row.iter().map(power).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
