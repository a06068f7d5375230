//! The cross entropy of classes.
//!
//! | | |
//! |---|---|
//! | `cpu` | dfdx's operations, one after the other |
//! | `cuda`, `cross_entropy.cu` | one launch each way, two for many rows |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{prelude::Device, shapes::Dtype, tensor::Tensor};

use super::{LayerTape, Rows};

/// The cross entropy. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryCrossEntropy<E: Dtype>: Device<E> {
    /// `-sum(targets * log_softmax(logits)) / batch` of (batch, classes) each, as dfdx's
    /// `cross_entropy_with_logits_loss`. The targets have no gradient.
    fn try_cross_entropy<T: LayerTape<E, Self>>(
        logits: Rows<E, Self, T>,
        targets: &Rows<E, Self>,
    ) -> Result<Tensor<(), E, Self, T>, Self::Err>;
}
