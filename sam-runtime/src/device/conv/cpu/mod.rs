//! Convolution on host memory, wired to dfdx's tape.
//!
//! | file | what |
//! |---|---|
//! | `geometry` | the sizes, and where pixels lie so that a convolution is a matrix product |
//! | `planes` | pixels to these places and back |
//! | `kernel` | the products, in vector registers |
//! | `forward`, `backward` | a convolution and its gradients, sample by sample on several threads |
//! | `ways` | whether it is computed so, or Winograd's way |
//! | `winograd` | convolutions of 3 x 3 by fewer multiplications |
//! | `precision` | for tests: how far f32 may be from f64 |

mod backward;
mod forward;
mod geometry;
mod kernel;
mod planes;
#[cfg(test)]
mod precision;
mod ways;
mod winograd;

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::TryConv2D;
use crate::{
    device::{
        Image, LayerTape, Window,
        cpu::{
            arguments::{MISFIT, add, beside_weight, image, in_order, parameter},
            simd::Real,
        },
    },
    doors::{free::Free4, host_memory::view, tape::is_input, wanted::is_wanted},
};
pub(in crate::device) use backward::OutputGradient;
use backward::backward;
pub(in crate::device) use forward::forward;
pub(in crate::device) use geometry::Conv;
pub use ways::{Way, Ways, with_ways};

impl<E: Real> TryConv2D<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = &parameter(weight, &mut tape)?;
        let conv = convolution(&x, weight, window, groups)?;
        let (y, _) = forward(&conv, &view(&x), &view(weight), false);
        let y = image(x.device(), y, conv.batch, conv.outputs, conv.places)?;
        if T::OWNS_TAPE {
            let back = ConvolutionBack::new(conv, x, weight, &tape);
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                back.run(
                    gradients,
                    Given {
                        conv,
                        gradient: &d_y,
                    },
                )?;
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

pub(in crate::device) fn convolution<E: Real>(
    x: &Image<E, Cpu>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
) -> Result<Conv, CpuError> {
    let sizes = |t: &Image<E, Cpu>| t.shape().concrete();
    let conv = Conv::new(sizes(x), sizes(weight), window, groups).ok_or(MISFIT)?;
    let ways = ways::of::<E>(&conv);
    Ok(Conv { ways, ..conv })
}

/// Where a channel of a sample of a convolution's output begins.
#[inline(always)]
pub(in crate::device) fn start(conv: &Conv, n: usize, channel: usize) -> usize {
    (n * conv.outputs + channel) * conv.places[0] * conv.places[1]
}

/// The gradient of a convolution's output, as it is.
struct Given<'a, E> {
    conv: Conv,
    gradient: &'a [E],
}

impl<E: Real> OutputGradient<E> for Given<'_, E> {
    #[inline(always)]
    fn write(&self, n: usize, channel: usize, first: usize, to: &mut [E]) {
        let start = start(&self.conv, n, channel) + first;
        to.copy_from_slice(&self.gradient[start..][..to.len()]);
    }
}

/// The way back through a convolution.
pub(in crate::device) struct ConvolutionBack<E: Real> {
    conv: Conv,
    pub(in crate::device) x: Image<E, Cpu>,
    weight: Image<E, Cpu>,
    /// Whether `x` is the network's input.
    input: bool,
}

impl<E: Real> ConvolutionBack<E> {
    pub(in crate::device) fn new<T: LayerTape<E, Cpu>>(
        conv: Conv,
        x: Image<E, Cpu>,
        weight: &Image<E, Cpu>,
        tape: &T,
    ) -> Self {
        Self {
            conv,
            x,
            weight: weight.clone(),
            input: is_input::<E, Cpu, T>(tape),
        }
    }

    pub(in crate::device) fn run(
        &self,
        gradients: &mut Gradients<E, Cpu>,
        rows: impl OutputGradient<E>,
    ) -> Result<(), CpuError>
    where
        Cpu: Device<E>,
    {
        let Self {
            conv, x, weight, ..
        } = self;
        let wants_x = !self.input || is_wanted::<Free4, _, _, _>(x, gradients);
        let mut d_weight = take(E::host(gradients.get_or_alloc_mut(weight)?));
        let mut apart = Vec::new();
        let d_x = match wants_x {
            true => Some(beside_weight(gradients, x, &mut apart)?),
            false => None,
        };
        backward(conv, &view(x), &view(weight), rows, &mut d_weight, d_x);
        add(&mut d_weight, &apart);
        *E::host(gradients.get_or_alloc_mut(weight)?) = d_weight;
        Ok(())
    }
}
