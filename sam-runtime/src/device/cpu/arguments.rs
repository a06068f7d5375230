//! Arguments of an operation: whether their sizes fit together, and tensors as the kernels take them.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use crate::{
    device::{
        Channels, LayerTape,
        cpu::{dims::Dims, simd::Real},
    },
    doors::host_memory::lies_in_order,
};

/// What the device says to sizes that do not fit together.
pub(in crate::device) const MISFIT: CpuError = CpuError::WrongNumElements;

pub(in crate::device) fn fits(does: bool) -> Result<(), CpuError> {
    if does { Ok(()) } else { Err(MISFIT) }
}

/// `x` in row-major order, copied if it lies otherwise. (A gradient lies in memory as its tensor does.)
pub(in crate::device) fn in_order<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    if lies_in_order(&x) {
        Ok(x)
    } else {
        x.try_contiguous()
    }
}

/// [`in_order`] of a parameter, noted on `tape`.
pub(in crate::device) fn parameter<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    parameter: &Tensor<S, E, Cpu>,
    tape: &mut T,
) -> Result<Tensor<S, E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    if lies_in_order(parameter) {
        return Ok(parameter.clone());
    }
    let (parameter, its_tape) = in_order(parameter.retaped::<T>())?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok(parameter)
}

/// The sizes of `x`, if it has as many channels as each of these has numbers.
pub(in crate::device) fn channels_of<S: Shape, E: Real, T>(
    x: &Tensor<S, E, Cpu, T>,
    parameters: &[&Channels<E, Cpu>],
) -> Result<Dims, CpuError> {
    let dims = Dims::new(x.shape().concrete().as_ref()).ok_or(MISFIT)?;
    fits(parameters.iter().all(|p| p.shape().0 == dims.channels))?;
    Ok(dims)
}

/// The gradient of `x` while that of the weight is taken out. Where the two are one tensor, there is none
/// left: then it is `apart`, to be added to the weight's.
pub(in crate::device) fn beside_weight<'a, S: Shape, E: Real>(
    gradients: &'a mut Gradients<E, Cpu>,
    x: &Tensor<S, E, Cpu>,
    apart: &'a mut Vec<E>,
) -> Result<&'a mut [E], CpuError> {
    let d_x = E::host(gradients.get_or_alloc_mut(x)?);
    let len = x.shape().num_elements();
    if d_x.len() == len {
        return Ok(d_x);
    }
    apart.resize(len, E::default());
    Ok(apart)
}

/// Adds what was kept apart, if anything was.
pub(in crate::device) fn add<E: Real>(to: &mut [E], apart: &[E]) {
    to.iter_mut().zip(apart).for_each(|(to, x)| *to += *x);
}
