//! Focal losses: samples that are found well count less.

use dfdx::{
    prelude::Device,
    shapes::{Axis, Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::{MeanTo, TryAdd, TryMul, TrySub},
};

use super::{
    super::cast::cast,
    LossError,
    arguments::{as_rows, check, check_shapes, check_share, failed, number, or_panic},
    cross_entropy::weighted,
};
use crate::device::{LayerTape, Layers, Rows};

/// The focal loss of classes (Lin et al., [ICCV 2017](https://arxiv.org/abs/1708.02002), equation 5, with softmax): the mean over the
/// batch of −Σ<sub>c</sub> *α<sub>c</sub>* *t<sub>c</sub>* (1 − *p<sub>c</sub>*)<sup>γ</sup> log *p<sub>c</sub>*, where
/// *p* = softmax(*x*). γ = 0 is the cross entropy.
///
/// Logits and target probabilities are (batch, classes) each. The targets have no gradient.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::FocalLoss};
///
/// let dev = Cpu::default();
/// let logits: Tensor<Rank2<2, 2>, f64, _> = dev.tensor([[4.0, 0.0], [0.0, 0.0]]);
/// let targets = dev.tensor([[1.0, 0.0], [0.0, 1.0]]);
/// let loss = FocalLoss::new(2.0).forward(logits.leaky_trace(), targets);
/// // The first sample is found with a probability of 0.98, and all but left out.
/// assert!((loss.array() - 0.25 * 0.6931 / 2.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FocalLoss {
    gamma: f64,
    class_weights: Option<Vec<f64>>,
}

impl FocalLoss {
    /// With this γ, 0 or more; the paper's is 2.
    pub fn new(gamma: f64) -> Self {
        Self {
            gamma,
            class_weights: None,
        }
    }

    /// The same with a weight for each class: the paper's α.
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> Self {
        let class_weights = Some(weights.into());
        Self {
            class_weights,
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
        or_panic("FocalLoss", self.try_forward(logits, targets))
    }

    /// The loss.
    ///
    /// # Errors
    /// A γ that is negative or not finite; weights that are, or are not as many as there are classes; sizes that differ, an
    /// empty batch; a device that fails.
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
        check_gamma(self.gamma)?;
        check_shapes(logits.shape(), targets.shape())?;
        let logits: Rows<E, D, T> = cast(logits).map_err(failed)?;
        let mut targets: Rows<E, D> = cast(targets).map_err(failed)?;
        let shape = *logits.shape();
        if let Some(weights) = &self.class_weights {
            targets = weighted(targets, weights, shape)?;
        }
        let loss = || -> Result<_, D::Err> {
            let log_p = logits.try_log_softmax::<Axis<1>>()?;
            let missing = log_p
                .retaped::<T>()
                .try_exp()?
                .try_negate()?
                .try_add(E::ONE)?;
            let sum = modulated(missing, self.gamma)?
                .try_mul(log_p)?
                .try_mul(targets)?;
            // The mean over the batch alone.
            sum.try_mean()?.try_mul(number::<E>(-(shape.1 as f64)))
        };
        loss().map_err(failed)
    }
}

/// The focal loss of logits that each say yes or no (the same paper, equation 5, with the sigmoid):
/// the mean over all numbers of −*α<sub>t</sub>* (1 − *p<sub>t</sub>*)<sup>γ</sup> log *p<sub>t</sub>*, as torchvision's
/// `sigmoid_focal_loss`. *p<sub>t</sub>* is the probability of what the target says, *α<sub>t</sub>* is α for positives and 1 − α for
/// negatives.
///
/// Logits and targets, from 0 to 1, are of any shape. The targets have no gradient.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::BinaryFocalLoss};
///
/// let dev = Cpu::default();
/// let logits: Tensor<Rank1<3>, f64, _> = dev.tensor([-5.0, 0.0, 0.0]);
/// let targets = dev.tensor([0.0, 0.0, 1.0]);
/// let loss = BinaryFocalLoss::new(2.0).alpha(0.25).forward(logits.leaky_trace(), targets);
/// assert!((loss.array() - 0.25 * 0.6931 / 3.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryFocalLoss {
    gamma: f64,
    alpha: Option<f64>,
}

impl BinaryFocalLoss {
    /// With this γ, 0 or more, and positives and negatives of weight 1.
    pub fn new(gamma: f64) -> Self {
        Self { gamma, alpha: None }
    }

    /// The same with the weight α, 0 to 1, for positives and 1 − α for negatives; the paper's is 0.25.
    pub fn alpha(self, alpha: f64) -> Self {
        let alpha = Some(alpha);
        Self { alpha, ..self }
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
        or_panic("BinaryFocalLoss", self.try_forward(logits, targets))
    }

    /// The loss.
    ///
    /// # Errors
    /// A γ that is negative or not finite, an α outside 0 to 1; sizes that differ, an empty batch; a device that fails.
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
        check_gamma(self.gamma)?;
        if let Some(alpha) = self.alpha {
            check_share("alpha", alpha)?;
        }
        check_shapes(logits.shape(), targets.shape())?;
        let logits = as_rows(logits).map_err(failed)?;
        let targets = as_rows(targets).map_err(failed)?;
        let loss = || -> Result<_, D::Err> {
            let ones = targets.device().try_ones_like(&targets)?;
            let signs = ones.try_sub(targets.clone().try_mul(number::<E>(2.0))?)?;
            // 1 - p_t = p (1 - 2 t) + t.
            let missing = logits
                .retaped::<T>()
                .try_sigmoid()?
                .try_mul(signs)?
                .try_add(targets.clone())?;
            let entropy = logits.try_bce_with_logits(targets.clone())?;
            let mut loss = modulated(missing, self.gamma)?.try_mul(entropy)?;
            if let Some(alpha) = self.alpha {
                // alpha t + (1 - alpha) (1 - t).
                let weights = targets
                    .try_mul(number::<E>(2.0 * alpha - 1.0))?
                    .try_add(number::<E>(1.0 - alpha))?;
                loss = loss.try_mul(weights)?;
            }
            loss.try_mean()
        };
        loss().map_err(failed)
    }
}

fn check_gamma(gamma: f64) -> Result<(), LossError> {
    let is_fine = gamma.is_finite() && gamma >= 0.0;
    check("gamma", gamma, is_fine, "finite and not negative")
}

/// `missing` to the power of gamma. Next to 0 the power's derivative may be infinite, and what it is multiplied with is 0;
/// there the power stays what it is at about the number type's precision.
fn modulated<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    missing: Rows<E, D, T>,
    gamma: f64,
) -> Result<Rows<E, D, T>, D::Err> {
    let is_narrow = number::<E>(1.0 + 1e-10) == E::ONE;
    let least = if is_narrow { 1e-7 } else { 1e-16 };
    missing.try_clamp(least, 1.0)?.try_powf(gamma)
}
