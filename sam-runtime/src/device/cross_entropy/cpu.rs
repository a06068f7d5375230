//! On the CPU: dfdx's operations, with the bits of its `cross_entropy_with_logits_loss`.

use dfdx::{
    prelude::*,
    shapes::{Axis, HasShape},
    tensor::CpuError,
};

use super::TryCrossEntropy;
use crate::device::{LayerTape, Rows};

impl<E: Dtype> TryCrossEntropy<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_cross_entropy<T: LayerTape<E, Self>>(
        logits: Rows<E, Self, T>,
        targets: &Rows<E, Self>,
    ) -> Result<Tensor<(), E, Self, T>, CpuError> {
        let (batch, classes) = *logits.shape();
        if batch == 0 || classes == 0 || logits.shape() != targets.shape() {
            return Err(CpuError::WrongNumElements);
        }
        let per_class = E::from_f64(1.0 / classes as f64).unwrap_or(E::ONE);
        logits
            .try_log_softmax::<Axis<1>>()?
            .try_mul(targets.clone())?
            .try_mean()?
            .try_negate()?
            .try_div(per_class)
    }
}
