//! Convolution, alone and with the normalization that follows.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    fit::{MISFIT, add, beside_weight, fits, image, in_order, parameter},
    norm::{batch_moments, cut, kept, learn, nonempty, split_tail, sums},
};
use crate::device::{
    Affine, Image, LayerTape, Normalized, Tail, Window,
    cpu::{
        conv::{self, Conv, OutputGradient},
        norm::{Back, Dims, Incoming, Moments},
        simd::Real,
        view::view,
    },
    layers::{Free4, is_input, is_wanted},
};

pub(super) fn conv2d<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
) -> Result<Image<E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let weight = &parameter(weight, &mut tape)?;
    let conv = convolution(&x, weight, window, groups)?;
    let (y, _) = conv::forward(&conv, &view(&x), &view(weight), false);
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

pub(super) fn conv2d_batch_norm<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
    affine: &Affine<E, Cpu>,
    tail: Tail<Image<E, Cpu, T>>,
) -> Normalized<Image<E, Cpu, T>, E, Cpu>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let weight = &parameter(weight, &mut tape)?;
    let conv = convolution(&x, weight, window, groups)?;
    let dims = Dims {
        batch: conv.batch,
        channels: conv.outputs,
        positions: conv.places[0] * conv.places[1],
    };
    nonempty(dims)?;
    for parameter in [&affine.scale, &affine.bias] {
        fits(parameter.shape().0 == dims.channels)?;
    }
    let (z, planes) = conv::forward(&conv, &view(&x), &view(weight), true);
    let moments = Moments::of(dims, &planes);
    let line = moments.affine(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
    let batch = batch_moments(x.device(), dims, &moments)?;
    let back = ConvolutionBack::new(conv, x, weight, &tape);
    let Tail { residual, relu } = split_tail(tail, &mut tape)?;
    if let Some(residual) = &residual {
        let [height, width] = conv.places;
        fits(*residual.shape() == (conv.batch, conv.outputs, height, width))?;
    }
    let y = line.apply(dims, &z, residual.as_ref().map(view).as_deref(), relu);
    let y = image(back.x.device(), y, conv.batch, conv.outputs, conv.places)?;
    if T::OWNS_TAPE {
        let (output, y, affine) = (kept(&y, relu, &residual), y.ghost(), affine.clone());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let output = output.as_ref().map(view);
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, output.as_deref(), &line),
            };
            let sums = sums(dims, &z, &line.mean, incoming, residual.as_ref(), gradients)?;
            learn(gradients, &affine, &line.inverse, &sums)?;
            let through = Back::new(dims, &line, Some(&sums));
            let rows = Through {
                conv,
                z: &z,
                back: &through,
                incoming,
            };
            back.run(gradients, rows)?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), batch))
}

fn convolution<E: Real>(
    x: &Image<E, Cpu>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
) -> Result<Conv, CpuError> {
    let sizes = |t: &Image<E, Cpu>| t.shape().concrete();
    Conv::new(sizes(x), sizes(weight), window, groups).ok_or(MISFIT)
}

/// Where a channel of a sample of a convolution's output begins.
#[inline(always)]
fn start(conv: &Conv, n: usize, channel: usize) -> usize {
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

/// The gradient of a convolution's output `z`, computed from what comes back to its normalization.
struct Through<'a, E> {
    conv: Conv,
    z: &'a [E],
    back: &'a Back<E>,
    incoming: Incoming<'a, E>,
}

impl<E: Real> OutputGradient<E> for Through<'_, E> {
    #[inline(always)]
    fn write(&self, n: usize, channel: usize, first: usize, to: &mut [E]) {
        let start = start(&self.conv, n, channel) + first;
        let incoming = self.incoming.part(start, to.len());
        let z = &self.z[start..][..to.len()];
        self.back.each(channel, z, incoming, to, |to, d| *to = d);
    }
}

/// The way back through a convolution.
struct ConvolutionBack<E: Real> {
    conv: Conv,
    x: Image<E, Cpu>,
    weight: Image<E, Cpu>,
    /// Whether `x` is the network's input.
    input: bool,
}

impl<E: Real> ConvolutionBack<E> {
    fn new<T: LayerTape<E, Cpu>>(
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

    fn run(
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
        conv::backward(conv, &view(x), &view(weight), rows, &mut d_weight, d_x);
        add(&mut d_weight, &apart);
        *E::host(gradients.get_or_alloc_mut(weight)?) = d_weight;
        Ok(())
    }
}
