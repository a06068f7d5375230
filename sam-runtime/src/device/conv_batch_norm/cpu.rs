//! On host memory: the moments are taken while the convolution is at hand, and its gradient is computed where it is
//! needed, and never written.

use std::mem::take;

use dfdx::prelude::*;

use super::TryConv2DBatchNorm;
use crate::{
    device::{
        Affine, Image, LayerTape, Normalized, Tail, Window,
        batch_norm::cpu::{
            Back, BackLines, ChannelMoments, Incoming, batch_moments, cut, kept, learn, nonempty,
            split_tail, sums,
        },
        conv::cpu::{Conv, ConvolutionBack, OutputGradient, arranged, forward, output, start},
        cpu::{
            arguments::{fits, parameter},
            dims::Dims,
            order::elements_of,
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
        let (x, conv) = arranged(x, weight, window, groups, true)?;
        let (x, mut tape) = x.split_tape();
        let weight = &parameter(weight, &mut tape)?;
        let order = conv.orders[1];
        let dims = Dims {
            batch: conv.batch,
            channels: conv.outputs,
            positions: conv.places[0] * conv.places[1],
            order,
        };
        nonempty(dims)?;
        for parameter in [&affine.scale, &affine.bias] {
            fits(parameter.shape().0 == dims.channels)?;
        }
        let (z, planes) = forward(&conv, &elements_of(&x, conv.orders[0]), &view(weight), true);
        let moments = ChannelMoments::of(dims, &planes);
        let line = moments.line(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
        let batch = batch_moments(x.device(), dims, &moments)?;
        let back = ConvolutionBack::new(conv, x, weight, &tape);
        let Tail { residual, relu } = split_tail(tail, order, &mut tape)?;
        if let Some(residual) = &residual {
            let [height, width] = conv.places;
            fits(*residual.shape() == (conv.batch, conv.outputs, height, width))?;
        }
        let summand = residual.as_ref().map(|r| elements_of(r, order));
        let y = line.apply(dims, &z, summand.as_deref(), relu);
        let y = output(&conv, back.x.device(), y)?;
        if T::OWNS_TAPE {
            let (output, y, affine) = (kept(&y, relu, &residual), y.ghost(), affine.clone());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let output = output.as_ref().map(|y| elements_of(y, order));
                let incoming = Incoming {
                    gradient: &d_y,
                    cut: cut(relu, output.as_deref(), &line),
                };
                let sums = sums(dims, &z, &line.mean, incoming, residual.as_ref(), gradients)?;
                learn(gradients, &affine, &line.inverse, &sums)?;
                let through = Back::new(dims, &line, Some(&sums));
                let rows = Through {
                    conv,
                    lines: BackLines::new(dims, &through, incoming.cut),
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
