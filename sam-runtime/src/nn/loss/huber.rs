//! The Huber loss of predictions.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, HasShape, Shape},
    tensor::{Tape, Tensor},
    tensor_ops::MeanTo,
};

use super::{
    LossError,
    arguments::{as_rows, check, check_shapes, failed, or_panic},
};

/// The Huber loss (Huber 1964): the mean over all numbers of *d*²/2 for a difference *d* of at most δ, and δ (|*d*| − δ/2)
/// beyond, so that outliers pull no harder than at δ. PyTorch's `F.huber_loss`.
///
/// Predictions and targets are of any shape. The targets have no gradient. dfdx has the mean squared and absolute errors,
/// `mse_loss` and `mae_loss`.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::HuberLoss};
///
/// let dev = Cpu::default();
/// let predictions: Tensor<Rank1<2>, f64, _> = dev.tensor([1.5, 12.0]);
/// let loss = HuberLoss::new(1.0).forward(predictions.leaky_trace(), dev.tensor([1.0, 2.0]));
/// assert_eq!(loss.array(), (0.125 + 9.5) / 2.0);
/// assert_eq!(loss.backward().get(&predictions).array(), [0.25, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HuberLoss {
    delta: f64,
}

impl HuberLoss {
    /// With this δ above 0, in the units of the targets.
    pub fn new(delta: f64) -> Self {
        Self { delta }
    }

    /// The loss.
    ///
    /// # Panics
    /// See [`try_forward`](Self::try_forward).
    pub fn forward<S, E, D, T>(
        &self,
        predictions: Tensor<S, E, D, T>,
        targets: Tensor<S, E, D>,
    ) -> Tensor<(), E, D, T>
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
    {
        or_panic("HuberLoss", self.try_forward(predictions, targets))
    }

    /// The loss.
    ///
    /// # Errors
    /// A δ that is not above 0 or not finite; sizes that differ, an empty batch; a device that fails.
    pub fn try_forward<S, E, D, T>(
        &self,
        predictions: Tensor<S, E, D, T>,
        targets: Tensor<S, E, D>,
    ) -> Result<Tensor<(), E, D, T>, LossError>
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
    {
        let is_fine = self.delta.is_finite() && self.delta > 0.0;
        check("delta", self.delta, is_fine, "finite and above 0")?;
        check_shapes(predictions.shape(), targets.shape())?;
        let predictions = as_rows(predictions).map_err(failed)?;
        let targets = as_rows(targets).map_err(failed)?;
        let errors = predictions.try_huber_error(targets, self.delta);
        errors.and_then(|errors| errors.try_mean()).map_err(failed)
    }
}
