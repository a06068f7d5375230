//! Convolution on host memory, wired to dfdx's tape.
//!
//! | file | what |
//! |---|---|
//! | `geometry` | the sizes, and where pixels lie so that a convolution is a matrix product |
//! | `planes` | pixels to these places and back |
//! | `kernel` | the products, in vector registers |
//! | `forward`, `backward` | a convolution and its gradients, sample by sample on several threads |
//! | `by_pixels` | the same where results lie by pixels |
//! | `ends` | what a convolution reads, and where the gradient of that goes |
//! | `ways` | whether it is computed so, or Winograd's way |
//! | `winograd` | convolutions of 3 x 3 by fewer multiplications |
//! | `precision` | for tests: how far f32 may be from f64 |

mod backward;
mod by_pixels;
mod ends;
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
        batch_norm::cpu::PlaneMoments,
        cpu::{
            arguments::{MISFIT, add, beside_weight, parameter},
            once::compiled_once,
            order::{BLOCK, Order, elements_of, in_an_order, in_order, tensor},
            simd::Real,
        },
    },
    doors::{free::Free4, host_memory::view, tape::is_input, wanted::is_wanted},
};
pub(in crate::device) use backward::{OutputGradient, backward};
pub(in crate::device) use ends::{Finish, Input, Target};
pub(in crate::device) use forward::forward;
pub(in crate::device) use geometry::Conv;
pub use ways::{Way, Ways, with_ways};

compiled_once! {
    /// Convolutions.
    pub(in crate::device) trait ConvKernels: Real {
        fn forward(
            conv: &Conv,
            x: Input<'_, Self>,
            weight: &[Self],
            with_moments: bool,
        ) -> (Vec<Self>, Vec<PlaneMoments<Self>>) = forward;
        fn back(
            of: &ConvolutionBack<Self>,
            gradients: &mut Gradients<Self, Cpu>,
            rows: &dyn OutputGradient<Self>,
        ) -> Result<(), CpuError> = ConvolutionBack::run;
    }
}

impl<E: ConvKernels> TryConv2D<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (x, conv) = arranged(x, weight, window, groups, false)?;
        let (x, mut tape) = x.split_tape();
        let weight = &parameter(weight, &mut tape)?;
        let elements = elements_of(&x, conv.orders[0]);
        let (y, _) = E::forward(&conv, Input::Given(&elements), &view(weight), false);
        drop(elements);
        let y = output(&conv, x.device(), y)?;
        if T::OWNS_TAPE {
            let back = ConvolutionBack {
                conv,
                x,
                weight: weight.clone(),
                input: is_input::<E, Cpu, T>(&tape),
            };
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let given = Given {
                    conv,
                    gradient: &d_y,
                };
                E::back(&back, gradients, &given)?;
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// How `x` is convolved, and `x` in the order that this takes. A result lies by pixels where Winograd's way made it, where
/// its input does, and where a normalization follows that is computed `with_moments`.
pub(in crate::device) fn arranged<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
    with_moments: bool,
) -> Result<(Image<E, Cpu, T>, Conv), CpuError>
where
    Cpu: Device<E>,
{
    let (x, from) = in_an_order(x)?;
    let sizes = [x.shape(), weight.shape()].map(|shape| shape.concrete());
    let conv = convolution::<E>(sizes, from, window, groups, with_moments)?;
    Ok((in_order(x, conv.orders[0])?, conv))
}

/// The same by the sizes of the input and of the weight, if the input lies in the order `from`.
pub(in crate::device) fn convolution<E: Real>(
    [x, weight]: [[usize; 4]; 2],
    from: Order,
    window: Window,
    groups: usize,
    with_moments: bool,
) -> Result<Conv, CpuError> {
    let conv = Conv::new(x, weight, window, groups).ok_or(MISFIT)?;
    let ways = ways::of::<E>(&conv);
    let is_direct = ways.forward == Way::Direct;
    let can = conv.outputs.is_multiple_of(BLOCK) && groups == 1;
    let to = match can && (!is_direct || with_moments || from == Order::Pixels) {
        true => Order::Pixels,
        false => Order::Planes,
    };
    // Planes are made from planes, but for Winograd's ways.
    let from = if to == Order::Planes { to } else { from };
    Ok(Conv {
        ways,
        orders: [from, to],
        ..conv
    })
}

/// The output of a convolution.
pub(in crate::device) fn output<E: Real>(
    conv: &Conv,
    device: &Cpu,
    elements: Vec<E>,
) -> Result<Image<E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    let [height, width] = conv.places;
    tensor(
        device,
        elements,
        (conv.batch, conv.outputs, height, width),
        conv.orders[1],
    )
}

/// Where a channel of a sample of a convolution's output begins.
#[inline(always)]
pub(in crate::device) fn start(conv: &Conv, n: usize, channel: usize) -> usize {
    (n * conv.outputs + channel) * conv.places[0] * conv.places[1]
}

/// The gradient of a convolution's output, as it is.
pub(in crate::device) struct Given<'a, E> {
    pub(in crate::device) conv: Conv,
    pub(in crate::device) gradient: &'a [E],
}

impl<E: Real> OutputGradient<E> for Given<'_, E> {
    fn write(&self, n: usize, channel: usize, first: usize, to: &mut [E]) {
        let start = start(&self.conv, n, channel) + first;
        to.copy_from_slice(&self.gradient[start..][..to.len()]);
    }

    fn sample(&self, n: usize, to: &mut [E]) {
        to.copy_from_slice(&self.gradient[n * to.len()..][..to.len()]);
    }
}

/// The way back through a convolution.
pub(in crate::device) struct ConvolutionBack<E: Real> {
    pub(in crate::device) conv: Conv,
    pub(in crate::device) x: Image<E, Cpu>,
    pub(in crate::device) weight: Image<E, Cpu>,
    /// Whether `x` is the network's input.
    pub(in crate::device) input: bool,
}

impl<E: Real> ConvolutionBack<E> {
    /// Whether anybody wants the gradient of the input.
    pub(in crate::device) fn wants_x(&self, gradients: &Gradients<E, Cpu>) -> bool
    where
        Cpu: Device<E>,
    {
        !self.input || is_wanted::<Free4, _, _, _>(&self.x, gradients)
    }

    pub(in crate::device) fn run(
        &self,
        gradients: &mut Gradients<E, Cpu>,
        rows: &dyn OutputGradient<E>,
    ) -> Result<(), CpuError>
    where
        Cpu: Device<E>,
    {
        let Self {
            conv, x, weight, ..
        } = self;
        let wants_x = self.wants_x(gradients);
        let mut d_weight = take(E::host(gradients.get_or_alloc_mut(weight)?));
        let mut apart = Vec::new();
        let d_x = match wants_x {
            true => Some(beside_weight(gradients, x, &mut apart)?),
            false => None,
        };
        let x = elements_of(x, conv.orders[0]);
        let (x, d_x) = (Input::Given(&x), d_x.map(Target::Added));
        backward(conv, x, &view(weight), rows, &mut d_weight, d_x);
        add(&mut d_weight, &apart);
        *E::host(gradients.get_or_alloc_mut(weight)?) = d_weight;
        Ok(())
    }
}
