//! Arguments of an operation: whether their sizes fit together, and tensors as the kernels take them.

use std::mem::take;

use cudarc::driver::CudaSlice;
use dfdx::{
    prelude::*,
    tensor::{CpuError, CudaError},
};

use super::launch::MOST;
use crate::{
    device::{
        Channels, LayerTape,
        cuda::{gpu::Gpu, module::Element},
    },
    doors::gpu_memory::address,
};

/// What the device says to sizes that do not fit together.
pub(in crate::device) const MISFIT: CudaError = CudaError::Cpu(CpuError::WrongNumElements);

pub(in crate::device) fn fits(does: bool) -> Result<(), CudaError> {
    if does { Ok(()) } else { Err(MISFIT) }
}

/// Sizes of a tensor, all above 0, as kernels count them: with 32 bits.
#[derive(Clone, Copy, Debug)]
pub(in crate::device) struct Sizes {
    pub(in crate::device) batch: u32,
    pub(in crate::device) channels: u32,
    pub(in crate::device) positions: u32,
}

impl Sizes {
    pub(in crate::device) fn new(
        batch: usize,
        channels: usize,
        positions: usize,
    ) -> Result<Self, CudaError> {
        let all = batch
            .checked_mul(channels)
            .and_then(|n| n.checked_mul(positions));
        let fit = all.is_some_and(|n| n > 0 && i32::try_from(n).is_ok()) && channels <= MOST;
        fits(fit)?;
        Ok(Self {
            batch: batch as u32,
            channels: channels as u32,
            positions: positions as u32,
        })
    }

    /// Those of `x`, if it has as many channels as each of these has numbers.
    pub(in crate::device) fn of<S: Shape, E: Element, T>(
        x: &Tensor<S, E, Cuda, T>,
        parameters: &[&Channels<E, Cuda>],
    ) -> Result<Self, CudaError> {
        let sizes = x.shape().concrete();
        let [batch, channels, rest @ ..] = sizes.as_ref() else {
            return Err(MISFIT);
        };
        fits(parameters.iter().all(|p| p.shape().0 == *channels))?;
        Self::new(*batch, *channels, rest.iter().product())
    }

    pub(in crate::device) fn len(self) -> usize {
        self.batch as usize * self.channels as usize * self.positions as usize
    }
}

/// `x` in row-major order, copied if it lies otherwise. (A gradient lies in memory as its tensor does.)
///
/// The copy is a sum with zeros: on a GPU, the gradient of dfdx's own `contiguous` leaves out all but the
/// first rows of what was broadcast (it goes over the elements in memory, not over those of the shape).
pub(in crate::device) fn in_order<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    x: Tensor<S, E, Cuda, T>,
) -> Result<Tensor<S, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let dense = x.retaped::<NoneTape>().try_contiguous()?;
    if address(&dense) == address(&x.retaped()) {
        return Ok(x);
    }
    let zeros = x.device().try_zeros_like(&x)?;
    x.try_add(zeros)
}

/// [`in_order`] of a parameter, noted on `tape`.
pub(in crate::device) fn parameter<S: Shape, E: Element, T: LayerTape<E, Cuda>>(
    parameter: &Tensor<S, E, Cuda>,
    tape: &mut T,
) -> Result<Tensor<S, E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    let (parameter, its_tape) = in_order(parameter.retaped::<T>())?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok(parameter)
}

/// Memory for so many numbers, which is written before it is read.
pub(in crate::device) fn scratch<E: Element>(
    gpu: &Gpu,
    len: usize,
) -> Result<CudaSlice<E>, CudaError> {
    // SAFETY: who asks for it has it written first.
    Ok(unsafe { gpu.driver.alloc(len) }?)
}
