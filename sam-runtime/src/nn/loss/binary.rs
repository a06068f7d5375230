//! The binary cross entropy of logits.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::{MeanTo, TryAdd, TryMul, TrySub},
};

use super::{
    LossError,
    arguments::{
        as_rows, check_count, check_shapes, check_share, check_weights, failed, in_each_row,
        or_panic, smoothed,
    },
};
use crate::device::{LayerTape, Rows};

/// The cross entropy of logits that each say yes or no: a label that a sample has or hasn't, a pixel that belongs to an object.
///
/// With the weight *p* of positives, the mean over all numbers of
/// −*p* *t* log σ(*x*) − (1 − *t*) log (1 − σ(*x*)): PyTorch's `F.binary_cross_entropy_with_logits` with `pos_weight`. The
/// targets are from 0 to 1 and have no gradient. The shape is any; `pos_weight` goes by the last dimension.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::BinaryCrossEntropyLoss};
///
/// let dev = Cpu::default();
/// // Two samples, each with or without three labels; the third is rare.
/// let logits: Tensor<Rank2<2, 3>, f64, _> = dev.tensor([[2.0, -1.0, 0.0], [-3.0, 0.5, 1e4]]);
/// let targets = dev.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
/// let criterion = BinaryCrossEntropyLoss::new().pos_weight([1.0, 1.0, 9.0]);
/// let loss = criterion.forward(logits.leaky_trace(), targets);
/// assert!((loss.array() - 1.2835).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropyLoss {
    pos_weight: Option<Vec<f64>>,
    label_smoothing: f64,
}

impl BinaryCrossEntropyLoss {
    /// Positives and negatives of equal weight: dfdx's `binary_cross_entropy_with_logits_loss`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this weight for positives: one number, or one for each place of the last dimension. With as many
    /// negatives as positives in weight, it is their ratio in the data, negatives to positives.
    pub fn pos_weight(self, weight: impl Into<Vec<f64>>) -> Self {
        let pos_weight = Some(weight.into());
        Self { pos_weight, ..self }
    }

    /// The same with targets *t* (1 − ε) + ε/2, ε from 0 to 1.
    pub fn label_smoothing(self, label_smoothing: f64) -> Self {
        Self {
            label_smoothing,
            ..self
        }
    }

    /// The loss.
    ///
    /// # Panics
    /// See [`try_forward`](Self::try_forward).
    pub fn forward<S, E, D, T>(
        &self,
        logits: Tensor<S, E, D, T>,
        targets: Tensor<S, E, D>,
    ) -> Tensor<(), E, D, T>
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: LayerTape<E, D>,
    {
        or_panic("BinaryCrossEntropyLoss", self.try_forward(logits, targets))
    }

    /// The loss.
    ///
    /// # Errors
    /// A smoothing outside 0 to 1; weights that are negative, not finite, or neither one nor as many as there are in the last
    /// dimension; sizes that differ, an empty batch; a device that fails.
    pub fn try_forward<S, E, D, T>(
        &self,
        logits: Tensor<S, E, D, T>,
        targets: Tensor<S, E, D>,
    ) -> Result<Tensor<(), E, D, T>, LossError>
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: LayerTape<E, D>,
    {
        let share = self.label_smoothing;
        check_share("label_smoothing", share)?;
        check_shapes(logits.shape(), targets.shape())?;
        let weights = self.pos_weight.as_deref();
        check_weights("pos_weight", weights.unwrap_or(&[]))?;
        let logits = as_rows(logits).map_err(failed)?;
        let targets = as_rows(targets).map_err(failed)?;
        let (rows, outputs) = *logits.shape();
        let of_one: Vec<f64>;
        let weights = match weights {
            Some(&[weight]) => {
                of_one = vec![weight; outputs];
                Some(&of_one[..])
            }
            weights => weights,
        };
        if let Some(weights) = weights {
            check_count("pos_weight", weights.len(), outputs)?;
        }
        let targets = smoothed(targets, share, 2)?;
        let of_each = match weights {
            None => logits.try_bce_with_logits(targets),
            Some(weights) => in_each_row(targets.device(), weights, rows)
                .and_then(|weights| weighted(logits, targets, weights)),
        };
        of_each.and_then(|loss| loss.try_mean()).map_err(failed)
    }
}

/// Positives and negatives apart, so that no difference of large numbers is taken.
fn weighted<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    logits: Rows<E, D, T>,
    targets: Rows<E, D>,
    weights: Rows<E, D>,
) -> Result<Rows<E, D, T>, D::Err> {
    let dev = targets.device().clone();
    let ones = dev.try_ones_like(&targets)?;
    let zeros = dev.try_zeros_like(&targets)?;
    let negatives = ones.clone().try_sub(targets.clone())?;
    let positives = targets.try_mul(weights)?;
    let of_positives = logits
        .retaped::<T>()
        .try_bce_with_logits(ones)?
        .try_mul(positives)?;
    let of_negatives = logits.try_bce_with_logits(zeros)?.try_mul(negatives)?;
    of_positives.try_add(of_negatives)
}
