//! Batch normalization on host memory, wired to dfdx's tape.
//!
//! | file | what |
//! |---|---|
//! | `moments` | mean and variance of each channel |
//! | `line` | the normalization itself |
//! | `back` | its gradients |
//! | `pixels`, `back_by_pixels` | images that lie by pixels |
//!
//! Images lie by planes, (batch, channels, positions), or by pixels, (batch, positions, channels): see
//! [`order`](crate::device::cpu::order).

mod back;
mod back_by_pixels;
mod line;
mod moments;
mod pixels;

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

pub(in crate::device) use back::{Back, Cut, Incoming, channel_sums, of_channels};
pub(in crate::device) use back_by_pixels::{BackLines, Lines};
pub(in crate::device) use line::Line;
pub(in crate::device) use moments::{
    ChannelMoments, PlaneMoments, moments_of_planes, moments_of_samples,
};

use super::{Affine, Moments, Normalized, Tail, TryBatchNorm};
use crate::{
    device::{
        Channels, LayerTape,
        cpu::{
            arguments::{channels_of, fits},
            dims::Dims,
            once::compiled_once,
            order::{Order, elements_of, in_an_order, in_order, tensor},
            simd::Real,
        },
    },
    doors::host_memory::view,
};

compiled_once! {
    /// Normalizations.
    pub(in crate::device) trait BatchNormKernels: Real {
        fn moments(dims: Dims, x: &[Self]) -> Vec<PlaneMoments<Self>> = moments_of_planes;
        fn apply(
            line: &Line<Self>,
            dims: Dims,
            x: &[Self],
            residual: Option<&[Self]>,
            relu: bool,
        ) -> Vec<Self> = Line::apply;
        fn sums(
            dims: Dims,
            x: &[Self],
            mean: &[Self],
            incoming: Incoming<'_, Self>,
            d_residual: Option<&mut [Self]>,
        ) -> Vec<[f64; 2]> = channel_sums;
        fn add_back(
            back: &Back<Self>,
            dims: Dims,
            x: &[Self],
            incoming: Incoming<'_, Self>,
            d_x: &mut [Self],
        ) = Back::add;
    }
}

impl<E: BatchNormKernels> TryBatchNorm<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Normalized<Tensor<S, E, Self, T>, E, Self> {
        let (x, order) = in_an_order(x)?;
        let dims = Dims {
            order,
            ..channels_of(&x, &[&affine.scale, &affine.bias])?
        };
        nonempty(dims)?;
        let planes = E::moments(dims, &elements_of(&x, order));
        let moments = ChannelMoments::of(dims, &planes);
        let batch = batch_moments(x.device(), dims, &moments)?;
        Ok((normalized(x, dims, affine, moments, true, tail)?, batch))
    }

    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        let (x, order) = in_an_order(x)?;
        let dims = Dims {
            order,
            ..channels_of(&x, &[&affine.scale, &affine.bias, mean, variance])?
        };
        let moments = ChannelMoments {
            mean: mean.as_vec(),
            variance: variance.as_vec(),
        };
        normalized(x, dims, affine, moments, false, tail)
    }
}

/// Normalizes `x`, which lies in the order of `dims`, by `moments`; they are `of_the_batch`, or given, and then the gradient takes no notice of
/// them.
fn normalized<S: Shape, E: BatchNormKernels, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    dims: Dims,
    affine: &Affine<E, Cpu>,
    moments: ChannelMoments<E>,
    of_the_batch: bool,
    tail: Tail<Tensor<S, E, Cpu, T>>,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let order = dims.order;
    let (x, mut tape) = x.split_tape();
    let line = moments.line(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
    let Tail { residual, relu } = split_tail(tail, order, &mut tape)?;
    if let Some(residual) = &residual {
        fits(residual.shape() == x.shape())?;
    }
    let summand = residual.as_ref().map(|r| elements_of(r, order));
    let y = E::apply(
        &line,
        dims,
        &elements_of(&x, order),
        summand.as_deref(),
        relu,
    );
    let y = tensor(x.device(), y, *x.shape(), order)?;
    if T::OWNS_TAPE {
        let (output, y, affine) = (kept(&y, relu, &residual), y.ghost(), affine.clone());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let x_view = elements_of(&x, order);
            let output = output.as_ref().map(|y| elements_of(y, order));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, output.as_deref(), &line),
            };
            let sums = sums(
                dims,
                &x_view,
                &line.mean,
                incoming,
                residual.as_ref(),
                gradients,
            )?;
            learn(gradients, &affine, &line.inverse, &sums)?;
            let back = Back::new(dims, &line, of_the_batch.then_some(&*sums));
            let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
            E::add_back(&back, dims, &x_view, incoming, d_x);
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

/// A batch without a single number has no mean.
pub(in crate::device) fn nonempty(dims: Dims) -> Result<(), CpuError> {
    fits(dims.count() > 0)
}

pub(in crate::device) fn batch_moments<E: Real>(
    device: &Cpu,
    dims: Dims,
    moments: &ChannelMoments<E>,
) -> Result<Moments<E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    let channels = |values: &[E]| device.try_tensor_from_vec(values.to_vec(), (values.len(),));
    Ok(Moments {
        mean: channels(&moments.mean)?,
        variance: channels(&moments.variance)?,
        count: dims.count(),
    })
}

/// The tail without the residual's tape, which `tape` takes over; the residual in this order.
pub(in crate::device) fn split_tail<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    tail: Tail<Tensor<S, E, Cpu, T>>,
    order: Order,
    tape: &mut T,
) -> Result<Tail<Tensor<S, E, Cpu>>, CpuError>
where
    Cpu: Device<E>,
{
    let Some(residual) = tail.residual else {
        return Ok(Tail {
            residual: None,
            relu: tail.relu,
        });
    };
    let (residual, its_tape) = in_order(residual, order)?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok(Tail {
        residual: Some(residual),
        relu: tail.relu,
    })
}

/// What of the output `y` the way back reads: where ReLU cut a normalization off, its input tells as well,
/// but not where a residual was added to it.
pub(in crate::device) fn kept<S: Shape, E: Real>(
    y: &Tensor<S, E, Cpu>,
    relu: bool,
    residual: &Option<Tensor<S, E, Cpu>>,
) -> Option<Tensor<S, E, Cpu>> {
    (relu && residual.is_some()).then(|| y.clone())
}

/// Where ReLU, if there is one, cut an output off; `output` is what was [`kept`] of it.
pub(in crate::device) fn cut<'a, E>(
    relu: bool,
    output: Option<&'a [E]>,
    line: &'a Line<E>,
) -> Cut<'a, E> {
    match output {
        _ if !relu => Cut::Nowhere,
        Some(y) => Cut::ByOutput(y),
        None => Cut::ByInput(line),
    }
}

/// [`channel_sums`], with the residual's gradient.
pub(in crate::device) fn sums<S: Shape, E: BatchNormKernels>(
    dims: Dims,
    x: &[E],
    mean: &[E],
    incoming: Incoming<'_, E>,
    residual: Option<&Tensor<S, E, Cpu>>,
    gradients: &mut Gradients<E, Cpu>,
) -> Result<Vec<[f64; 2]>, CpuError> {
    let d_residual = match residual {
        Some(residual) => Some(&mut **E::host(gradients.get_or_alloc_mut(residual)?)),
        None => None,
    };
    Ok(E::sums(dims, x, mean, incoming, d_residual))
}

/// Adds the gradients of what a normalization learns.
pub(in crate::device) fn learn<E: Real>(
    gradients: &mut Gradients<E, Cpu>,
    affine: &Affine<E, Cpu>,
    inverse: &[E],
    sums: &[[f64; 2]],
) -> Result<(), CpuError> {
    let d_bias = E::host(gradients.get_or_alloc_mut(&affine.bias)?);
    for (to, [sum, _]) in d_bias.iter_mut().zip(sums) {
        *to += E::narrow(*sum);
    }
    let d_scale = E::host(gradients.get_or_alloc_mut(&affine.scale)?);
    for ((to, [_, product]), inverse) in d_scale.iter_mut().zip(sums).zip(inverse) {
        *to += E::narrow(product * inverse.wide());
    }
    Ok(())
}
