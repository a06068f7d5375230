//! Residual blocks as one operation: what lies between two of them is kept, but is no tensor, so that its gradient is written
//! once, with all that comes to it, and read as it is.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    super::{ResidualBlock, Skip},
    ChainKernels,
    chain::Chained,
    link::{Coming, Layer, Link, way_back},
};
use crate::{
    device::{
        Image, LayerTape,
        batch_norm::{
            Moments,
            cpu::{Cut, Incoming, Lines, channel_sums},
        },
        conv::cpu::{ConvolutionBack, Input, convolution, output},
        cpu::{
            arguments::{MISFIT, fits},
            order::{Order, elements_of, in_order},
            relu::{masked, pass},
            simd::{Real, vectorized},
            tasks::each_of,
        },
        subsample::cpu::Subsample,
    },
    doors::{host_memory::view_of_pixels, tape::is_input},
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
pub(super) fn residual<E: ChainKernels, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    blocks: &[ResidualBlock<'_, E, Cpu>],
) -> Result<Chained<E, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x, Order::Pixels)?.split_tape();
    let input = is_input::<E, Cpu, T>(&tape);
    let mut noted = Vec::new();
    for block in blocks {
        let layers = block
            .layers
            .iter()
            .map(|layer| Layer::of(layer).noted(&mut tape));
        noted.push((layers.collect::<Result<Vec<_>, _>>()?, block.skip));
    }
    let (y, moments, blocks) = E::residual(x, input, &noted)?;
    if T::OWNS_TAPE {
        tape.add_backward_op(move |gradients| E::residual_back(&blocks, gradients));
    }
    Ok((y.put_tape(tape), moments))
}

/// Blocks, as they were computed.
pub(super) struct Blocks<E: Real> {
    blocks: Vec<Block<E>>,
    first: ConvolutionBack<E>,
    output: Image<E, Cpu>,
}

/// The output of blocks without a tape, the moments of each layer, and the blocks for the way back.
pub(super) type Computed<E> = (Image<E, Cpu>, Vec<Moments<E, Cpu>>, Blocks<E>);

impl<E: Real> Blocks<E>
where
    Cpu: Device<E>,
{
    /// Of `x`, by pixels, which may be the network's `input`.
    pub(super) fn new(
        x: Image<E, Cpu>,
        input: bool,
        blocks: &[(Vec<Layer<'_, E>>, Skip)],
    ) -> Result<Computed<E>, CpuError> {
        let (mut computed, mut moments) = (Vec::<Block<E>>::new(), Vec::new());
        let mut first = None;
        for (layers, skip) in blocks {
            let layer = layers.first().ok_or(MISFIT)?;
            let (sizes, elements) = match computed.last() {
                None => (x.shape().concrete(), elements_of(&x, Order::Pixels)),
                Some(before) => (before.last().output(), (&before.y).into()),
            };
            let both = [sizes, layer.weight.shape().concrete()];
            let conv = convolution::<E>(both, Order::Pixels, layer.window, layer.groups, true)?;
            first.get_or_insert_with(|| ConvolutionBack {
                conv,
                x: x.clone(),
                weight: layer.weight.clone(),
                input,
            });
            let links = Link::several(conv, Input::Given(&elements), layers, &mut moments)?;
            let last = &links[links.len() - 1];
            let [batch, channels, height, width] = sizes;
            let (subsample, beside) = match *skip {
                Skip::Identity => (None, None),
                Skip::Subsample { stride, before } => {
                    let sizes = [channels, last.dims().channels];
                    let subsample = Subsample::new(sizes, before, [height, width], stride);
                    let subsample = subsample.ok_or(MISFIT)?.by_pixels();
                    (Some(subsample), Some(subsample.forward(&elements, batch)))
                }
            };
            let beside = beside.as_deref().unwrap_or(&elements);
            fits(beside.len() == last.z.len())?;
            let y = last.line.apply(last.dims(), &last.z, Some(beside), true);
            drop(elements);
            computed.push(Block {
                links,
                subsample,
                y,
            });
        }
        let (first, last) = (first.ok_or(MISFIT)?, computed.last_mut().ok_or(MISFIT)?);
        let elements = take(&mut last.y);
        let y = output(&last.last().convolution.conv, x.device(), elements)?;
        let blocks = Self {
            blocks: computed,
            first,
            output: y.clone(),
        };
        Ok((y, moments, blocks))
    }

    /// From the gradient of the output to those of all layers and of the input.
    pub(super) fn back(&self, gradients: &mut Gradients<E, Cpu>) -> Result<(), CpuError> {
        let d_y = take(E::host(gradients.get_or_alloc_mut(&self.output)?));
        let incoming = Incoming {
            gradient: &d_y,
            cut: Cut::ByOutput(&view_of_pixels(&self.output)),
        };
        let last = self.blocks[self.blocks.len() - 1].last();
        let sums = channel_sums(last.dims(), &last.z, &last.line.mean, incoming, None);
        blocks_back(
            &self.blocks,
            &self.first,
            Coming { incoming, sums },
            gradients,
        )?;
        *E::host(gradients.get_or_alloc_mut(&self.output)?) = d_y;
        Ok(())
    }
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
    let of_sample = block.last().dims().sample();
    let Some(before) = rest.last() else {
        way_back(&block.links, coming, gradients, |_, rows, gradients| {
            first.run(gradients, rows)
        })?;
        if !first.wants_x(gradients) {
            return Ok(());
        }
        let d_x = E::host(gradients.get_or_alloc_mut(&first.x)?);
        let sample = d_x.len() / block.links[0].convolution.conv.batch;
        let samples = d_x.chunks_mut(sample).enumerate();
        each_of(samples, |(n, d_x)| {
            block.add_beside(incoming.part(n * of_sample, of_sample), d_x);
        });
        return Ok(());
    };
    let input = before.last();
    let lines =
        Lines::new(input.dims(), &input.line.mean, Cut::Nowhere).expect("they lie by pixels");
    let sample = input.dims().sample();
    let (d_x, sums) = way_back(&block.links, coming, gradients, |link, rows, gradients| {
        let x = Input::Given(&before.y);
        link.convolution
            .input_gradient(x, rows, gradients, &|n, gradient, sums| {
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
