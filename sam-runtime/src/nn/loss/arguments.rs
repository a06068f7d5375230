//! What a loss refuses, and tensors as rows.

use std::fmt::Debug;

use dfdx::{
    prelude::Device,
    shapes::{Axis, Dtype, HasShape, Shape},
    tensor::{Tape, Tensor},
    tensor_ops::{BroadcastTo, ReshapeTo, TryAdd, TryMul},
};

use crate::device::Rows;

/// Why a loss could not be taken.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// A number that the loss was made with makes no sense.
    #[error("`{what}` is {value}, and must be {allowed}")]
    Setting {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// There are weights for another number of classes or outputs.
    #[error(
        "there are {weights} numbers in `{what}`, and {outputs} in a row of the logits; give one for each"
    )]
    Weights {
        /// `class_weights` or `pos_weight`.
        what: &'static str,
        /// Numbers given.
        weights: usize,
        /// Classes or outputs of the logits.
        outputs: usize,
    },
    /// Predictions and targets differ in size.
    #[error(
        "predictions of shape {predictions:?} and targets of shape {targets:?}; both must have the same"
    )]
    Shapes {
        /// The predictions' sizes.
        predictions: Vec<usize>,
        /// The targets' sizes.
        targets: Vec<usize>,
    },
    /// There is nothing to take a mean over.
    #[error("predictions of shape {shape:?} have no numbers; leave out empty batches")]
    Empty {
        /// Their sizes.
        shape: Vec<usize>,
    },
    /// The device failed.
    #[error("the device could not compute the loss: {reason}")]
    Device {
        /// Its reason.
        reason: String,
    },
}

crate::debug::debug_as_display!(LossError);

/// What `forward` does where `try_forward` gives an error.
pub(super) fn or_panic<T>(name: &str, loss: Result<T, LossError>) -> T {
    loss.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A device's error as a loss's.
pub(super) fn failed(error: impl Debug) -> LossError {
    let reason = format!("{error:?}");
    LossError::Device { reason }
}

/// Refuses a setting that is not `allowed`.
pub(super) fn check(
    what: &'static str,
    value: f64,
    is_fine: bool,
    allowed: &'static str,
) -> Result<(), LossError> {
    match is_fine {
        true => Ok(()),
        false => Err(LossError::Setting {
            what,
            value,
            allowed,
        }),
    }
}

/// `Ok` for a share of a whole.
pub(super) fn check_share(what: &'static str, share: f64) -> Result<(), LossError> {
    check(what, share, (0.0..=1.0).contains(&share), "from 0 to 1")
}

/// Refuses weights that are not finite or negative.
pub(super) fn check_weights(what: &'static str, weights: &[f64]) -> Result<(), LossError> {
    weights.iter().try_for_each(|&weight| {
        let is_fine = weight.is_finite() && weight >= 0.0;
        check(what, weight, is_fine, "finite and not negative")
    })
}

/// Refuses what has no numbers, or not as many as there are targets.
pub(super) fn check_shapes<S: Shape>(predictions: &S, targets: &S) -> Result<(), LossError> {
    let sizes = |shape: &S| shape.concrete().into_iter().collect::<Vec<usize>>();
    if predictions != targets {
        return Err(LossError::Shapes {
            predictions: sizes(predictions),
            targets: sizes(targets),
        });
    }
    match predictions.num_elements() {
        0 => Err(LossError::Empty {
            shape: sizes(predictions),
        }),
        _ => Ok(()),
    }
}

/// The nearest number of the tensor's type.
pub(super) fn number<E: Dtype>(x: f64) -> E {
    E::from_f64(x).unwrap_or_default()
}

/// The same numbers in rows as long as the last dimension.
pub(super) fn as_rows<S, E, D, T>(x: Tensor<S, E, D, T>) -> Result<Rows<E, D, T>, D::Err>
where
    S: Shape,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    let all = x.shape().num_elements();
    let last = x.shape().concrete().into_iter().last().unwrap_or(1);
    x.try_reshape_like(&(all / last.max(1), last))
}

/// A number for each place of a row, in every row.
pub(super) fn in_each_row<E: Dtype, D: Device<E>>(
    dev: &D,
    numbers: &[f64],
    rows: usize,
) -> Result<Rows<E, D>, D::Err> {
    let shape = (numbers.len(),);
    let numbers = numbers.iter().map(|&x| number(x)).collect::<Vec<E>>();
    let row = dev.try_tensor_from_vec(numbers, shape)?;
    row.try_broadcast_like::<_, Axis<0>>(&(rows, shape.0))
}

/// Refuses other than `outputs` weights.
pub(super) fn check_count(
    what: &'static str,
    weights: usize,
    outputs: usize,
) -> Result<(), LossError> {
    match weights == outputs {
        true => Ok(()),
        false => Err(LossError::Weights {
            what,
            weights,
            outputs,
        }),
    }
}

/// Targets of which a share is spread over all `answers`.
pub(super) fn smoothed<E: Dtype, D: Device<E>>(
    targets: Rows<E, D>,
    share: f64,
    answers: usize,
) -> Result<Rows<E, D>, LossError> {
    if share == 0.0 {
        return Ok(targets);
    }
    let kept = targets.try_mul(number::<E>(1.0 - share));
    let smoothed = kept.and_then(|kept| kept.try_add(number::<E>(share / answers as f64)));
    smoothed.map_err(failed)
}
