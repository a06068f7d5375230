use dfdx::{
    shapes::{Const, Dim, Shape},
    tensor::{Storage, Tensor},
};

/// How many rows of `logits` have their maximum where `targets` (one-hot, or probabilities) has
/// its own. A row with a NaN is never right.
pub fn correct<B: Dim, const CLASSES: usize, D: Storage<f32>, T>(
    logits: &Tensor<(B, Const<CLASSES>), f32, D, T>,
    targets: &Tensor<(B, Const<CLASSES>), f32, D>,
) -> usize
where
    (B, Const<CLASSES>): Shape,
{
    let (logits, targets) = (logits.as_vec(), targets.as_vec());
    let rows = logits
        .chunks_exact(CLASSES.max(1))
        .zip(targets.chunks_exact(CLASSES.max(1)));
    rows.filter(|(logits, targets)| {
        let best = largest(logits);
        best.is_some() && best == largest(targets)
    })
    .count()
}

/// The share of rows that are right, in `0..=1`; see [`correct`]. 0 for no rows.
///
/// ```
/// use sam_runtime::{analysis::accuracy, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let logits = dev.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [0.5, 0.1]]);
/// let targets = dev.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]);
/// assert_eq!(accuracy(&logits, &targets), 0.75);
/// ```
pub fn accuracy<B: Dim, const CLASSES: usize, D: Storage<f32>, T>(
    logits: &Tensor<(B, Const<CLASSES>), f32, D, T>,
    targets: &Tensor<(B, Const<CLASSES>), f32, D>,
) -> f64
where
    (B, Const<CLASSES>): Shape,
{
    let rows = dfdx::shapes::HasShape::shape(targets).0.size();
    if rows == 0 {
        0.0
    } else {
        correct(logits, targets) as f64 / rows as f64
    }
}

/// The index of the first maximum; `None` for a row with a NaN.
fn largest(row: &[f32]) -> Option<usize> {
    if row.iter().any(|x| x.is_nan()) {
        return None;
    }
    (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn a_row_with_nan_is_wrong() {
        let dev = Cpu::default();
        let logits = dev.tensor([[f32::NAN, 1.0], [1.0, 0.0]]);
        let targets = dev.tensor([[1.0, 0.0], [1.0, 0.0]]);
        assert_eq!(correct(&logits, &targets), 1);
    }
}
