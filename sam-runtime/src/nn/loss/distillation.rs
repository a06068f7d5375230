//! How far a student is from its teacher.

use dfdx::{
    shapes::{Axis, Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::{MeanTo, TryAdd, TryMul},
};

use super::{
    super::cast::cast,
    LossError,
    arguments::{check, check_shapes, failed, number, or_panic},
};
use crate::device::{LayerTape, Layers, Rows};

/// The loss of distillation (Hinton et al. 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531)): the mean over the batch of *T*² KL(softmax(*y*/*T*) ‖ softmax(*x*/*T*)),
/// for a student's logits *x* and a teacher's *y*, (batch, classes) each. The factor keeps gradients at their size, whatever
/// the temperature *T*. PyTorch's `T**2 * F.kl_div(log_softmax(x / T), softmax(y / T), reduction="batchmean")`.
///
/// The teacher has no gradient. Add the labels' loss in a share of your choice.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::loss::DistillationLoss};
///
/// let dev = Cpu::default();
/// let student: Tensor<Rank2<1, 2>, f64, _> = dev.tensor([[1.0, 0.0]]);
/// let teacher = dev.tensor([[3.0, 0.0]]);
/// let loss = DistillationLoss::new(2.0).forward(student.leaky_trace(), teacher);
/// assert!(loss.array() > 0.0);
/// assert!(loss.backward().get(&student).array()[0][0] < 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistillationLoss {
    temperature: f64,
}

impl DistillationLoss {
    /// With this temperature above 0; 2 to 5 are common.
    pub fn new(temperature: f64) -> Self {
        Self { temperature }
    }

    /// The loss.
    ///
    /// # Panics
    /// See [`try_forward`](Self::try_forward).
    pub fn forward<S, E, D, T>(
        &self,
        student: Tensor<S, E, D, T>,
        teacher: Tensor<S, E, D>,
    ) -> Tensor<(), E, D, T>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Layers<E>,
        T: LayerTape<E, D>,
    {
        or_panic("DistillationLoss", self.try_forward(student, teacher))
    }

    /// The loss.
    ///
    /// # Errors
    /// A temperature that is not above 0 or not finite; sizes that differ, an empty batch; a device that fails.
    pub fn try_forward<S, E, D, T>(
        &self,
        student: Tensor<S, E, D, T>,
        teacher: Tensor<S, E, D>,
    ) -> Result<Tensor<(), E, D, T>, LossError>
    where
        S: Shape<Concrete = [usize; 2]>,
        E: Dtype,
        D: Layers<E>,
        T: LayerTape<E, D>,
    {
        let temperature = self.temperature;
        let is_fine = temperature.is_finite() && temperature > 0.0;
        check("temperature", temperature, is_fine, "finite and above 0")?;
        check_shapes(student.shape(), teacher.shape())?;
        let student: Rows<E, D, T> = cast(student).map_err(failed)?;
        let teacher: Rows<E, D> = cast(teacher).map_err(failed)?;
        let classes = student.shape().1 as f64;
        let cooler = number::<E>(1.0 / temperature);
        let loss = || -> Result<_, D::Err> {
            let teacher = teacher.try_mul(cooler)?.try_log_softmax::<Axis<1>>()?;
            let shares = teacher.clone().try_exp()?;
            let student = student.try_mul(cooler)?.try_log_softmax::<Axis<1>>()?;
            let ratios = student.try_negate()?.try_add(teacher)?;
            let mean = ratios.try_mul(shares)?.try_mean()?;
            mean.try_mul(number::<E>(temperature * temperature * classes))
        };
        loss().map_err(failed)
    }
}
