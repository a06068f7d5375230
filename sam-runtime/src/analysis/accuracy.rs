use dfdx::{
    nn::Module,
    shapes::{Const, Dim, HasShape, Shape},
    tensor::{Storage, Tensor},
};

/// How many rows of `logits` have their maximum where `targets` (one-hot, or probabilities) has
/// its own. A row with a NaN is never right.
///
/// ```
/// use sam_runtime::{analysis::correct, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let logits = dev.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]]);
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
/// assert_eq!(correct(&logits, &targets), 1);
/// ```
pub fn correct<B: Dim, const CLASSES: usize, D: Storage<f32>, T>(
    logits: &Tensor<(B, Const<CLASSES>), f32, D, T>,
    targets: &Tensor<(B, Const<CLASSES>), f32, D>,
) -> usize
where
    (B, Const<CLASSES>): Shape,
{
    if targets.shape().0.size() == 0 {
        // dfdx reads no empty tensors.
        return 0;
    }
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

/// How many rows have the class of `targets` (its maximum) among the `k` largest of `logits`. Of equal
/// logits, the earlier counts as larger, so that `k = 1` is [`correct`]. A row with a NaN is never right;
/// with `k` at least the number of classes every other row is.
///
/// ```
/// use sam_runtime::{analysis::correct_top_k, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let logits = dev.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]]);
/// let targets = dev.tensor([[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]]);
/// assert_eq!([1, 2, 3].map(|k| correct_top_k(&logits, &targets, k)), [0, 1, 2]);
/// ```
pub fn correct_top_k<B: Dim, const CLASSES: usize, D: Storage<f32>, T>(
    logits: &Tensor<(B, Const<CLASSES>), f32, D, T>,
    targets: &Tensor<(B, Const<CLASSES>), f32, D>,
    k: usize,
) -> usize
where
    (B, Const<CLASSES>): Shape,
{
    if targets.shape().0.size() == 0 {
        // dfdx reads no empty tensors.
        return 0;
    }
    let (logits, targets) = (logits.as_vec(), targets.as_vec());
    let rows = logits
        .chunks_exact(CLASSES.max(1))
        .zip(targets.chunks_exact(CLASSES.max(1)));
    rows.filter(|(logits, targets)| {
        let rank = largest(targets).and_then(|class| rank(logits, class));
        rank.is_some_and(|rank| rank < k)
    })
    .count()
}

/// The share of samples, in `0..=1`, that `model` gives their class ([`correct`]): over batches of inputs and one-hot
/// targets, as [`chunks`](crate::data::chunks) makes them. 0 for no samples.
///
/// ```
/// use sam_runtime::{analysis::accuracy, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let model = dev.build_module::<Softmax, f32>();
/// let x = dev.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [0.5, 0.1]]);
/// let y = dev.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]);
/// assert_eq!(accuracy(&model, [(x.clone(), y.clone()), (x, y)]), 0.75);
/// ```
///
/// # Panics
/// If the model's forward pass does; see [`try_accuracy`].
pub fn accuracy<X, B: Dim, const CLASSES: usize, D, M>(
    model: &M,
    batches: impl IntoIterator<Item = (X, Targets<B, CLASSES, D>)>,
) -> f64
where
    (B, Const<CLASSES>): Shape,
    D: Storage<f32>,
    M: Module<X, Output = Targets<B, CLASSES, D>>,
{
    match try_accuracy(model, batches) {
        Ok(accuracy) => accuracy,
        Err(error) => panic!("the model's forward pass: {error:?}"),
    }
}

/// [`accuracy`], or the first error of the model's forward pass.
pub fn try_accuracy<X, B: Dim, const CLASSES: usize, D, M>(
    model: &M,
    batches: impl IntoIterator<Item = (X, Targets<B, CLASSES, D>)>,
) -> Result<f64, M::Error>
where
    (B, Const<CLASSES>): Shape,
    D: Storage<f32>,
    M: Module<X, Output = Targets<B, CLASSES, D>>,
{
    let (mut right, mut all) = (0, 0);
    for (x, y) in batches {
        all += y.shape().0.size();
        right += correct(&model.try_forward(x)?, &y);
    }
    Ok(right as f64 / all.max(1) as f64)
}

/// Classes of samples, as probabilities.
type Targets<B, const CLASSES: usize, D> = Tensor<(B, Const<CLASSES>), f32, D>;

/// The index of the first maximum; `None` for a row with a NaN.
fn largest(row: &[f32]) -> Option<usize> {
    if row.iter().any(|x| x.is_nan()) {
        return None;
    }
    (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best })
}

/// How many logits are above that of `class`, earlier equals included; `None` for a row with a NaN.
fn rank(row: &[f32], class: usize) -> Option<usize> {
    if row.iter().any(|x| x.is_nan()) {
        return None;
    }
    let above = |&(i, x): &(usize, &f32)| *x > row[class] || (*x == row[class] && i < class);
    Some(row.iter().enumerate().filter(above).count())
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

    #[test]
    fn top_k_is_what_sorting_says() {
        const CLASSES: usize = 7;
        let dev = Cpu::seed_from_u64(3);
        let logits: Tensor<Rank2<500, CLASSES>, f32, _> = dev.sample_normal();
        // Coarse, so that rows have ties; and soft targets.
        let logits = dev.tensor(logits.array().map(|row| row.map(f32::round)));
        let targets: Tensor<Rank2<500, CLASSES>, f32, _> = dev.sample_uniform();
        for k in 0..=CLASSES + 1 {
            let rows = logits.array().into_iter().zip(targets.array());
            let right = rows.filter(|(logits, targets)| {
                let mut order: Vec<usize> = (0..CLASSES).collect();
                // A stable sort: of equals, the earlier stays in front.
                order.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap());
                let class = (0..CLASSES).max_by(|&a, &b| targets[a].total_cmp(&targets[b]));
                order.iter().take(k).any(|&found| Some(found) == class)
            });
            assert_eq!(correct_top_k(&logits, &targets, k), right.count(), "{k}");
        }
        assert_eq!(
            correct_top_k(&logits, &targets, 1),
            correct(&logits, &targets)
        );
        assert_eq!(correct_top_k(&logits, &targets, CLASSES), 500);
    }

    #[test]
    fn a_row_with_nan_is_wrong_for_every_k() {
        let dev = Cpu::default();
        let logits = dev.tensor([[f32::NAN, 1.0], [1.0, 0.0], [2.0, 1.0]]);
        let targets = dev.tensor([[1.0, 0.0], [0.0, 1.0], [f32::NAN, 0.0]]);
        assert_eq!(
            [0, 1, 2, 9].map(|k| correct_top_k(&logits, &targets, k)),
            [0, 0, 1, 1]
        );
    }
}
