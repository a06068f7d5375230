//! Losses.

use dfdx::{
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::cast::cast;
use crate::device::{LayerTape, Layers};

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
