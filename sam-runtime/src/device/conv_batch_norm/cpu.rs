//! On host memory: the moments are taken while the convolution is at hand; its gradient is computed where it is needed, and
//! never written; and between two convolutions, what normalization and ReLU make of the first one's result is computed
//! where the second one reads it, and never written either.
#![allow(unsafe_code)]

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{ConvNorm, NormalizedAll, TryConv2DBatchNorm, one_after_the_other};
use crate::{
    device::{
        Affine, Image, LayerTape, Normalized, Tail, Window,
        batch_norm::cpu::{
            Back, BackLines, ChannelMoments, Cut, Incoming, Line, Lines, batch_moments, cut, kept,
            learn, nonempty, of_channels, split_tail, sums,
        },
        conv::cpu::{
            Conv, ConvolutionBack, Input, OutputGradient, Target, arranged, backward, convolution,
            forward, output, start,
        },
        cpu::{
            arguments::{fits, parameter},
            buffer::written,
            dims::Dims,
            order::{BLOCK, elements_of},
            simd::Real,
        },
    },
    doors::host_memory::view,
};

impl<E: Real> TryConv2DBatchNorm<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        let layer = ConvNorm {
            weight,
            window,
            groups,
            affine,
        };
        let (y, mut moments) = chain(x, &[layer], tail)?;
        Ok((y, moments.remove(0)))
    }

    fn try_conv2d_batch_norms<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        layers: &[ConvNorm<'_, E, Self>],
        tail: Tail<Image<E, Self, T>>,
    ) -> NormalizedAll<Image<E, Self, T>, E, Self> {
        // What lies between them must lie by pixels.
        let by_pixels = |layer: &ConvNorm<'_, E, Self>| {
            layer.groups == 1 && layer.weight.shape().0.is_multiple_of(BLOCK)
        };
        match layers.iter().all(by_pixels) {
            true => chain(x, layers, tail),
            false => one_after_the_other(x, layers, tail),
        }
    }
}

/// A convolution and its normalization, as they were computed.
struct Link<E: Real> {
    conv: Conv,
    dims: Dims,
    weight: Image<E, Cpu>,
    affine: Affine<E, Cpu>,
    /// The convolution's output.
    z: Vec<E>,
    line: Line<E>,
}

impl<E: Real> Link<E> {
    /// What reads the normalized output takes beside it.
    fn lines(&self) -> Lines<E> {
        let cut = Cut::ByInput(&self.line);
        Lines::new(self.dims, &self.line.mean, cut).expect("it lies by pixels")
    }
}

/// Convolutions and their normalizations, with ReLU between them.
fn chain<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    layers: &[ConvNorm<'_, E, Cpu>],
    tail: Tail<Image<E, Cpu, T>>,
) -> NormalizedAll<Image<E, Cpu, T>, E, Cpu>
where
    Cpu: Device<E>,
{
    let ConvNorm {
        weight,
        window,
        groups,
        ..
    } = layers[0];
    let (x, mut conv) = arranged(x, weight, window, groups, true)?;
    let (x, mut tape) = x.split_tape();
    let mut links: Vec<Link<E>> = Vec::new();
    let mut moments = Vec::new();
    let mut first = None;
    for layer in layers {
        let weight = parameter(layer.weight, &mut tape)?;
        let before = links.last();
        if let Some(before) = before {
            let [height, width] = before.conv.places;
            let sizes = [
                [before.conv.batch, before.conv.outputs, height, width],
                weight.shape().concrete(),
            ];
            let order = before.dims.order;
            conv = convolution::<E>(sizes, order, layer.window, layer.groups, true)?;
        } else {
            first = Some(ConvolutionBack::new(conv, x.clone(), &weight, &tape));
        }
        let dims = Dims {
            batch: conv.batch,
            channels: conv.outputs,
            positions: conv.places[0] * conv.places[1],
            order: conv.orders[1],
        };
        nonempty(dims)?;
        let affine = layer.affine;
        for parameter in [&affine.scale, &affine.bias] {
            fits(parameter.shape().0 == dims.channels)?;
        }
        let (z, planes) = match before {
            None => {
                let x = elements_of(&x, conv.orders[0]);
                forward(&conv, Input::Given(&x), &view(&weight), true)
            }
            Some(before) => {
                let lines = before.lines();
                let x = Input::Normalized(&before.z, &lines);
                forward(&conv, x, &view(&weight), true)
            }
        };
        let batch = ChannelMoments::of(dims, &planes);
        let line = batch.line(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
        moments.push(batch_moments(x.device(), dims, &batch)?);
        links.push(Link {
            conv,
            dims,
            weight,
            affine: affine.clone(),
            z,
            line,
        });
    }
    let (first, last) = (first.expect("a layer"), links.last().expect("a layer"));
    let order = last.dims.order;
    let Tail { residual, relu } = split_tail(tail, order, &mut tape)?;
    if let Some(residual) = &residual {
        let [height, width] = last.conv.places;
        fits(*residual.shape() == (last.conv.batch, last.conv.outputs, height, width))?;
    }
    let summand = residual.as_ref().map(|r| elements_of(r, order));
    let y = last
        .line
        .apply(last.dims, &last.z, summand.as_deref(), relu);
    let y = output(&last.conv, x.device(), y)?;
    if T::OWNS_TAPE {
        let (output, y) = (kept(&y, relu, &residual), y.ghost());
        tape.add_backward_op(move |gradients| {
            let last = links.last().expect("a layer");
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let output = output.as_ref().map(|y| elements_of(y, order));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, output.as_deref(), &last.line),
            };
            let sums = sums(
                last.dims,
                &last.z,
                &last.line.mean,
                incoming,
                residual.as_ref(),
                gradients,
            )?;
            way_back(&links, &first, incoming, sums, gradients)?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), moments))
}

/// From what comes back to the last normalization, and its channels' sums, to the input.
fn way_back<E: Real>(
    links: &[Link<E>],
    first: &ConvolutionBack<E>,
    incoming: Incoming<'_, E>,
    sums: Vec<[f64; 2]>,
    gradients: &mut Gradients<E, Cpu>,
) -> Result<(), CpuError>
where
    Cpu: Device<E>,
{
    let (link, before) = links.split_last().expect("a layer");
    learn(gradients, &link.affine, &link.line.inverse, &sums)?;
    let through = Back::new(link.dims, &link.line, Some(&sums));
    let rows = Through {
        conv: link.conv,
        lines: BackLines::new(link.dims, &through, incoming.cut),
        z: &link.z,
        back: &through,
        incoming,
    };
    let Some(input) = before.last() else {
        return first.run(gradients, rows);
    };
    let lines = input.lines();
    let x = Input::Normalized(&input.z, &lines);
    let mut planes = vec![[E::default(); 2]; input.dims.batch * input.dims.channels];
    let mut d_weight = take(E::host(gradients.get_or_alloc_mut(&link.weight)?));
    // SAFETY: the gradients of all samples, of which there are some, are written.
    let d_x = unsafe {
        written(input.z.len(), |d_x| {
            let len = d_x.len();
            let target = Some(Target::Written(d_x, &mut planes));
            let weight = view(&link.weight);
            backward(&link.conv, x, &weight, rows, &mut d_weight, target);
            len
        })
    };
    *E::host(gradients.get_or_alloc_mut(&link.weight)?) = d_weight;
    let incoming = Incoming {
        gradient: &d_x,
        cut: Cut::ByInput(&input.line),
    };
    let sums = of_channels(input.dims, &planes);
    way_back(before, first, incoming, sums, gradients)
}

/// The gradient of a convolution's output `z`, computed from what comes back to its normalization.
struct Through<'a, E> {
    conv: Conv,
    /// `back`, where outputs lie by pixels.
    lines: Option<BackLines<E>>,
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

    #[inline(always)]
    fn sample(&self, n: usize, to: &mut [E]) {
        let start = n * to.len();
        let incoming = self.incoming.part(start, to.len());
        let z = &self.z[start..][..to.len()];
        let lines = self.lines.as_ref().expect("outputs lie by pixels");
        lines.each(z, incoming, to, |to, d| *to = d);
    }
}
