//! The cross entropy of classes, plain and with class weights and label smoothing.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::TryMul,
};

use super::{
    super::cast::cast,
    LossError,
    arguments::{
        check_count, check_shapes, check_share, check_weights, failed, in_each_row, or_panic,
        smoothed,
    },
};
use crate::device::{LayerTape, Layers, Rows};

/// The cross entropy of logits with target probabilities, (batch, classes) each: dfdx's
/// [`cross_entropy_with_logits_loss`](dfdx::losses::cross_entropy_with_logits_loss), for which a GPU needs one launch each
/// way here, and some 40 there. On the CPU it is the same, bit by bit.
///
/// The targets have no gradient.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn};
///
/// let dev = Cpu::default();
/// let logits: Tensor<Rank2<2, 3>, f32, _> = dev.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
/// let loss = nn::cross_entropy_with_logits_loss(logits.leaky_trace(), targets);
/// assert!((loss.array() - (0.239 + 1.099) / 2.0).abs() < 1e-3);
/// let gradients = loss.backward();
/// assert!(gradients.get(&logits).array()[1][1] < 0.0);
/// ```
///
/// # Panics
/// If the device fails; if sizes differ that are not in the types.
pub fn cross_entropy_with_logits_loss<S, E, D, T>(
    logits: Tensor<S, E, D, T>,
    targets: Tensor<S, E, D>,
) -> Tensor<(), E, D, T>
where
    S: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    let loss = cast(logits).and_then(|logits| D::try_cross_entropy(logits, &cast(targets)?));
    loss.unwrap_or_else(|error| panic!("cross_entropy_with_logits_loss: {error:?}"))
}

/// The cross entropy of logits with target probabilities, (batch, classes) each, with class weights and label smoothing.
///
/// With the weights *w*, the smoothing ε and *C* classes, it is the mean over the batch of
/// −Σ<sub>c</sub> *w<sub>c</sub>* ((1 − ε) *t<sub>c</sub>* + ε/*C*) log softmax(*x*)<sub>c</sub>
/// (label smoothing: Szegedy et al., [CVPR 2016](https://arxiv.org/abs/1512.00567), section 7): PyTorch's
/// `F.cross_entropy(x, t, weight=w, label_smoothing=ε)` of target probabilities. Of class indices, PyTorch's divides by the sum of the
/// weights that are met; see [the mean](super#means).
///
/// The targets may be one-hot, or soft labels. They have no gradient.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::CrossEntropyLoss};
///
/// let dev = Cpu::default();
/// let logits: Tensor<Rank2<2, 3>, f64, _> = dev.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
/// let targets = dev.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]);
/// let criterion = CrossEntropyLoss::new().class_weights([1.0, 4.0, 1.0]);
/// let loss = criterion.forward(logits.leaky_trace(), targets);
/// assert!((loss.array() - (0.2395 + 2.5 * 1.0986) / 2.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropyLoss {
    class_weights: Option<Vec<f64>>,
    label_smoothing: f64,
}

impl CrossEntropyLoss {
    /// Classes of equal weight, labels as they are: [`cross_entropy_with_logits_loss`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a weight for each class, such as [`balanced_class_weights`].
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> Self {
        let class_weights = Some(weights.into());
        Self {
            class_weights,
            ..self
        }
    }

    /// The same with labels of which this share, 0 to 1, is spread evenly over all classes; 0.1 is common.
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
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Layers<E>,
        T: LayerTape<E, D>,
    {
        or_panic("CrossEntropyLoss", self.try_forward(logits, targets))
    }

    /// The loss.
    ///
    /// # Errors
    /// A smoothing outside 0 to 1; weights that are negative, not finite, or not as many as there are classes; sizes that
    /// differ, an empty batch; a device that fails.
    pub fn try_forward<S, E, D, T>(
        &self,
        logits: Tensor<S, E, D, T>,
        targets: Tensor<S, E, D>,
    ) -> Result<Tensor<(), E, D, T>, LossError>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Layers<E>,
        T: LayerTape<E, D>,
    {
        let share = self.label_smoothing;
        check_share("label_smoothing", share)?;
        check_shapes(logits.shape(), targets.shape())?;
        let logits: Rows<E, D, T> = cast(logits).map_err(failed)?;
        let targets: Rows<E, D> = cast(targets).map_err(failed)?;
        let (batch, classes) = *logits.shape();
        let mut targets = smoothed(targets, share, classes)?;
        if let Some(weights) = &self.class_weights {
            targets = weighted(targets, weights, (batch, classes))?;
        }
        D::try_cross_entropy(logits, &targets).map_err(failed)
    }
}

/// Each target times the weight of its class.
pub(super) fn weighted<E: Dtype, D: Layers<E>>(
    targets: Rows<E, D>,
    weights: &[f64],
    (batch, classes): (usize, usize),
) -> Result<Rows<E, D>, LossError> {
    check_weights("class_weights", weights)?;
    check_count("class_weights", weights.len(), classes)?;
    let weights = in_each_row(targets.device(), weights, batch);
    let weighted = weights.and_then(|weights| targets.try_mul(weights));
    weighted.map_err(failed)
}

/// Weights that are inverse to how often classes occur: *n* / (*k* *n<sub>c</sub>*) for *n<sub>c</sub>* of *n* samples and *k* classes
/// that occur at all, as scikit-learn's `class_weight="balanced"`. Their mean over the samples is 1. A class without
/// samples has the weight 0.
///
/// ```
/// use sam_runtime::nn::loss::balanced_class_weights;
///
/// assert_eq!(balanced_class_weights(&[60, 30, 0]), [0.75, 1.5, 0.0]);
/// ```
pub fn balanced_class_weights(counts: &[usize]) -> Vec<f64> {
    let all: f64 = counts.iter().map(|&count| count as f64).sum();
    let classes = counts.iter().filter(|&&count| count > 0).count() as f64;
    let weight = |&count: &usize| match count {
        0 => 0.0,
        _ => all / (classes * count as f64),
    };
    counts.iter().map(weight).collect()
}
