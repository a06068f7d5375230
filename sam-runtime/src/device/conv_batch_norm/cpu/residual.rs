//! Residual blocks as one operation: what lies between two of them is kept, but is no tensor, so that its gradient is written
//! once, with all that comes to it, and read as it is.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    super::{ResidualBlock, Skip},
    chain::Chained,
    link::{Coming, Layer, Link, way_back},
};
use crate::{
    device::{
        Image, LayerTape,
        batch_norm::cpu::{Cut, Incoming, Lines, channel_sums},
        conv::cpu::{ConvolutionBack, Input, arranged, convolution, output},
        cpu::{
            arguments::{MISFIT, fits, parameter},
            order::{Order, elements_of, in_order},
            relu::{masked, pass},
            simd::{Real, vectorized},
            tasks::each_of,
        },
        subsample::cpu::Subsample,
    },
    doors::host_memory::view_of_pixels,
};

/// A block, as it was computed.
struct Block<E: Real> {
    links: Vec<Link<E>>,
    /// What stands beside its layers: this, or nothing.
    subsample: Option<Subsample>,
    /// Its output; empty for the last block, whose output is a tensor.
    y: Vec<E>,
}

impl<E: Real> Block<E> {
    fn last(&self) -> &Link<E> {
        &self.links[self.links.len() - 1]
    }

    /// Adds to the gradient of a sample of the input what comes past the layers, from that of the output.
    fn add_beside(&self, incoming: Incoming<'_, E>, to: &mut [E]) {
        let Cut::ByOutput(y) = incoming.cut else {
            unreachable!("ReLU follows the sum");
        };
        let gradient = incoming.gradient;
        match &self.subsample {
            None => vectorized(
                #[inline(always)]
                || {
                    for ((to, &g), &y) in to.iter_mut().zip(gradient).zip(y) {
                        *to += pass(g, y);
                    }
                },
            ),
            Some(subsample) => {
                subsample.add_sample(&masked(gradient, y), to);
            }
        }
    }
}

/// [`ResidualBlock`]s whose images lie by pixels.
pub(super) fn residual<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    blocks: &[ResidualBlock<'_, E, Cpu>],
) -> Result<Chained<E, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x, Order::Pixels)?.split_tape();
    let (mut computed, mut moments) = (Vec::<Block<E>>::new(), Vec::new());
    let mut first = None;
    for (i, block) in blocks.iter().enumerate() {
        let mut layers = block.layers.iter().map(Layer::of);
        let layer = layers.next().ok_or(MISFIT)?;
        let weight = parameter(layer.weight, &mut tape)?;
        let (sizes, elements) = match computed.last() {
            None => (x.shape().concrete(), elements_of(&x, Order::Pixels)),
            Some(before) => (before.last().output(), (&before.y).into()),
        };
        let conv = match i {
            0 => {
                let (_, conv) = arranged(x.clone(), &weight, layer.window, layer.groups, true)?;
                first = Some(ConvolutionBack::new(conv, x.clone(), &weight, &tape));
                conv
            }
            _ => {
                let sizes = [sizes, weight.shape().concrete()];
                convolution::<E>(sizes, Order::Pixels, layer.window, layer.groups, true)?
            }
        };
        let (link, batch) = Link::new(conv, weight, layer.affine, Input::Given(&elements))?;
        let mut links = vec![link];
        moments.push(batch);
        for layer in layers {
            let (link, batch) = links[links.len() - 1].next(&layer, &mut tape)?;
            links.push(link);
            moments.push(batch);
        }
        let last = &links[links.len() - 1];
        let [batch, channels, height, width] = sizes;
        let (subsample, beside) = match block.skip {
            Skip::Identity => (None, None),
            Skip::Subsample { stride, before } => {
                let sizes = [channels, last.dims.channels];
                let subsample = Subsample::new(sizes, before, [height, width], stride);
                let subsample = subsample.ok_or(MISFIT)?.by_pixels();
                (Some(subsample), Some(subsample.forward(&elements, batch)))
            }
        };
        let beside = beside.as_deref().unwrap_or(&elements);
        fits(beside.len() == last.z.len())?;
        let y = last.line.apply(last.dims, &last.z, Some(beside), true);
        drop(elements);
        computed.push(Block {
            links,
            subsample,
            y,
        });
    }
    let (first, last) = (first.ok_or(MISFIT)?, computed.last_mut().ok_or(MISFIT)?);
    let elements = take(&mut last.y);
    let y = output(&last.last().conv, x.device(), elements)?;
    if T::OWNS_TAPE {
        let (output, y) = (y.clone(), y.ghost());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let incoming = Incoming {
                gradient: &d_y,
                cut: Cut::ByOutput(&view_of_pixels(&output)),
            };
            let last = computed[computed.len() - 1].last();
            let sums = channel_sums(last.dims, &last.z, &last.line.mean, incoming, None);
            blocks_back(&computed, &first, Coming { incoming, sums }, gradients)?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), moments))
}

/// From the output of the last block to the input of the first one.
fn blocks_back<E: Real>(
    blocks: &[Block<E>],
    first: &ConvolutionBack<E>,
    coming: Coming<'_, E>,
    gradients: &mut Gradients<E, Cpu>,
) -> Result<(), CpuError>
where
    Cpu: Device<E>,
{
    let (block, rest) = blocks.split_last().expect("a block");
    let incoming = coming.incoming;
    let of_sample = block.last().dims.sample();
    let Some(before) = rest.last() else {
        way_back(&block.links, coming, gradients, |_, rows, gradients| {
            first.run(gradients, rows)
        })?;
        if !first.wants_x(gradients) {
            return Ok(());
        }
        let d_x = E::host(gradients.get_or_alloc_mut(&first.x)?);
        let sample = d_x.len() / block.links[0].conv.batch;
        let samples = d_x.chunks_mut(sample).enumerate();
        each_of(samples, |(n, d_x)| {
            block.add_beside(incoming.part(n * of_sample, of_sample), d_x);
        });
        return Ok(());
    };
    let input = before.last();
    let lines = Lines::new(input.dims, &input.line.mean, Cut::Nowhere).expect("they lie by pixels");
    let sample = input.dims.sample();
    let (d_x, sums) = way_back(&block.links, coming, gradients, |link, rows, gradients| {
        let x = Input::Given(&before.y);
        link.input_gradient(x, rows, gradients, &|n, gradient, sums| {
            block.add_beside(incoming.part(n * of_sample, of_sample), gradient);
            let start = n * sample;
            let incoming = Incoming {
                gradient,
                cut: Cut::ByOutput(&before.y[start..][..sample]),
            };
            let z = &input.z[start..][..sample];
            vectorized(
                #[inline(always)]
                || lines.sums(incoming, z, &mut *sums),
            );
        })
    })?;
    let incoming = Incoming {
        gradient: &d_x,
        cut: Cut::ByOutput(&before.y),
    };
    blocks_back(rest, first, Coming { incoming, sums }, gradients)
}
