//! Residual blocks that normalize before they convolve, as one operation: of each block its input and the first convolution's
//! output are kept, and nothing else; on the way back, what a block has kept is given up with it.

use std::{borrow::Cow, mem::take, slice};

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    super::{Convolution, PreactivationBlock},
    ChainKernels,
    chain::Chained,
    convolved::{Convolved, sums_of},
    link::{Coming, Layer, Link, lines, sizes, way_back},
};
use crate::{
    device::{
        Affine, Image, LayerTape, Window,
        batch_norm::{
            Moments,
            cpu::{
                Back, ChannelMoments, Cut, Incoming, Line, PlaneMoments, batch_moments, learn,
                moments_of_planes, moments_of_samples, nonempty,
            },
        },
        conv::cpu::{Conv, Given, Input, convolution, forward, output},
        cpu::{
            arguments::{MISFIT, fits, parameter},
            dims::Dims,
            order::{Order, elements_of, in_order},
            simd::{Real, vectorized},
            tasks::each_of,
        },
    },
    doors::{free::Free4, host_memory::view, tape::is_input, wanted::is_wanted},
};

/// What is taken of a [`PreactivationBlock`].
pub(super) struct Parts<'a, E: Real> {
    affine: &'a Affine<E, Cpu>,
    first: Layer<'a, E>,
    second: Kernel<E>,
    shortcut: Option<Kernel<E>>,
}

/// A weight, and what slides over the images.
struct Kernel<E: Real> {
    weight: Image<E, Cpu>,
    window: Window,
}

impl<E: Real> Kernel<E>
where
    Cpu: Device<E>,
{
    /// As a kernel takes it, noted on `tape`.
    fn noted<T: LayerTape<E, Cpu>>(
        Convolution { weight, window }: &Convolution<'_, E, Cpu>,
        tape: &mut T,
    ) -> Result<Self, CpuError> {
        Ok(Self {
            weight: parameter(weight, tape)?,
            window: *window,
        })
    }

    /// Convolves `x`, of these sizes.
    fn convolve(
        &self,
        from: [usize; 4],
        x: Input<'_, E>,
    ) -> Result<(Convolved<E>, Vec<E>), CpuError> {
        let conv = by_pixels::<E>(from, &self.weight, self.window)?;
        let (y, _) = forward(&conv, x, &view(&self.weight), false);
        let weight = self.weight.clone();
        Ok((Convolved { conv, weight }, y))
    }
}

/// The convolution of images of these sizes, from pixels to pixels.
fn by_pixels<E: Real>(
    from: [usize; 4],
    weight: &Image<E, Cpu>,
    window: Window,
) -> Result<Conv, CpuError> {
    let sizes = [from, weight.shape().concrete()];
    convolution::<E>(sizes, Order::Pixels, window, 1, true)
}

/// [`PreactivationBlock`]s whose images lie by pixels.
pub(super) fn preactivation<E: ChainKernels, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    blocks: &[PreactivationBlock<'_, E, Cpu>],
) -> Result<Chained<E, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x, Order::Pixels)?.split_tape();
    let input = is_input::<E, Cpu, T>(&tape);
    let mut parts = Vec::new();
    for block in blocks {
        let shortcut = block.shortcut.as_ref();
        let shortcut = shortcut.map(|shortcut| Kernel::noted(shortcut, &mut tape));
        parts.push(Parts {
            affine: block.affine,
            first: Layer::of(&block.first).noted(&mut tape)?,
            second: Kernel::noted(&block.second, &mut tape)?,
            shortcut: shortcut.transpose()?,
        });
    }
    let (y, moments, blocks) = E::preactivation(x, input, &parts)?;
    if T::OWNS_TAPE {
        let y = y.ghost();
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            E::preactivation_back(blocks, &d_y, gradients)?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), moments))
}

/// Blocks, as they were computed.
pub(super) struct Blocks<E: Real> {
    x: Image<E, Cpu>,
    /// Whether `x` is the network's input.
    input: bool,
    blocks: Vec<Block<E>>,
}

/// The output of blocks without a tape, the moments of each normalization, and the blocks for the way back.
pub(super) type Computed<E> = (Image<E, Cpu>, Vec<Moments<E, Cpu>>, Blocks<E>);

impl<E: Real> Blocks<E>
where
    Cpu: Device<E>,
{
    /// Of `x`, by pixels, which may be the network's `input`.
    pub(super) fn new(
        x: Image<E, Cpu>,
        input: bool,
        parts: &[Parts<'_, E>],
    ) -> Result<Computed<E>, CpuError> {
        let elements = elements_of(&x, Order::Pixels);
        let (mut blocks, mut moments) = (Vec::<Block<E>>::new(), Vec::new());
        let mut from = x.shape().concrete();
        let mut planes = moments_of_planes(pixels(from)?, &elements);
        // The input of the block; empty for the first one.
        let mut between = Vec::new();
        for (i, parts) in parts.iter().enumerate() {
            let x: &[E] = if i == 0 { &elements } else { &between };
            let (block, mut y, beside) = Block::new(from, x, &planes, parts, &mut moments)?;
            let to = sizes(&block.second.conv);
            let beside = beside.as_deref().unwrap_or(x);
            fits(beside.len() == y.len())?;
            planes = add_beside(pixels(to)?, &mut y, beside);
            let x = std::mem::replace(&mut between, y);
            blocks.push(Block { x, ..block });
            from = to;
        }
        drop(elements);
        let last = blocks.last().ok_or(MISFIT)?;
        let y = output(&last.second.conv, x.device(), between)?;
        let blocks = Self { x, input, blocks };
        Ok((y, moments, blocks))
    }

    /// From the gradient of the output to those of all layers and of the input.
    pub(super) fn back(self, d_y: &[E], gradients: &mut Gradients<E, Cpu>) -> Result<(), CpuError> {
        let Self {
            x,
            input,
            mut blocks,
        } = self;
        let mut d_y = Cow::Borrowed(d_y);
        let elements = elements_of(&x, Order::Pixels);
        while let Some(block) = blocks.pop() {
            let x = match blocks.is_empty() {
                true => &*elements,
                false => &block.x,
            };
            d_y = Cow::Owned(block.back(x, d_y, gradients)?);
        }
        if !input || is_wanted::<Free4, _, _, _>(&x, gradients) {
            let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
            let sample = pixels(x.shape().concrete())?.sample();
            each_of(d_x.chunks_mut(sample).zip(d_y.chunks(sample)), |(to, d)| {
                to.iter_mut().zip(d).for_each(|(to, d)| *to += *d)
            });
        }
        Ok(())
    }
}

/// How images of these sizes are worked on, channel by channel.
fn pixels(sizes: [usize; 4]) -> Result<Dims, CpuError> {
    let dims = Dims::new(&sizes).ok_or(MISFIT)?;
    let order = Order::Pixels;
    Ok(Dims { order, ..dims })
}

/// Adds to a block's layers what stands beside them, and takes the moments of the sum's planes.
fn add_beside<E: Real>(dims: Dims, y: &mut [E], beside: &[E]) -> Vec<PlaneMoments<E>> {
    let mut planes = vec![[E::default(); 2]; dims.batch * dims.channels];
    let samples = y
        .chunks_mut(dims.sample())
        .zip(beside.chunks(dims.sample()));
    let planes_of = planes.chunks_mut(dims.channels.max(1));
    each_of(samples.zip(planes_of), |((y, beside), planes)| {
        vectorized(
            #[inline(always)]
            || {
                y.iter_mut().zip(beside).for_each(|(y, x)| *y += *x);
                moments_of_samples(dims, y, planes);
            },
        );
    });
    planes
}

/// A block, as it was computed.
struct Block<E: Real> {
    /// Its input; empty for the first block, whose input is a tensor.
    x: Vec<E>,
    dims: Dims,
    affine: Affine<E, Cpu>,
    /// The normalization of the input.
    line: Line<E>,
    first: Link<E>,
    second: Convolved<E>,
    shortcut: Option<Convolved<E>>,
}

/// A block without its input, what its layers give, and what the shortcut does, if it has a convolution.
type Sides<E> = (Block<E>, Vec<E>, Option<Vec<E>>);

impl<E: Real> Block<E>
where
    Cpu: Device<E>,
{
    /// Of `x`, whose planes have these moments; adds what its normalizations are by to `moments`.
    fn new(
        from: [usize; 4],
        x: &[E],
        planes: &[PlaneMoments<E>],
        parts: &Parts<'_, E>,
        moments: &mut Vec<Moments<E, Cpu>>,
    ) -> Result<Sides<E>, CpuError> {
        let Parts {
            affine,
            first,
            second,
            shortcut,
        } = parts;
        let dims = pixels(from)?;
        nonempty(dims)?;
        for parameter in [&affine.scale, &affine.bias] {
            fits(parameter.shape().0 == dims.channels)?;
        }
        let batch = ChannelMoments::of(dims, planes);
        let line = batch.line(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
        moments.push(batch_moments(first.weight.device(), dims, &batch)?);

        let lines = lines(dims, &line);
        let x = Input::Normalized(x, &lines);
        let conv = by_pixels::<E>(from, &first.weight, first.window)?;
        let (link, batch) = Link::new(conv, first, x)?;
        moments.push(batch);
        let between = link.lines();
        let (second, y) = second.convolve(link.output(), Input::Normalized(&link.z, &between))?;
        let (shortcut, beside) = match shortcut {
            None => (None, None),
            Some(shortcut) => {
                let (shortcut, beside) = shortcut.convolve(from, x)?;
                (Some(shortcut), Some(beside))
            }
        };
        let block = Self {
            x: Vec::new(),
            dims,
            affine: (*affine).clone(),
            line,
            first: link,
            second,
            shortcut,
        };
        Ok((block, y, beside))
    }

    /// The gradient of the input `x`, from that of the output; adds those of the parameters to `gradients`.
    fn back(
        &self,
        x: &[E],
        d_y: Cow<'_, [E]>,
        gradients: &mut Gradients<E, Cpu>,
    ) -> Result<Vec<E>, CpuError> {
        let (lines, between) = (lines(self.dims, &self.line), self.first.lines());
        let given = |of: &Convolved<E>| Given {
            conv: of.conv,
            gradient: &d_y,
        };
        let (d_between, sums) = self.second.input_gradient(
            Input::Normalized(&self.first.z, &between),
            &given(&self.second),
            gradients,
            &sums_of(&between, &self.first.z),
        )?;
        let input = Input::Normalized(x, &lines);
        let beside = match &self.shortcut {
            None => None,
            Some(beside) => {
                let rows = given(beside);
                let (d_x, _) = beside.input_gradient(input, &rows, gradients, &|_, _, _| {})?;
                Some(d_x)
            }
        };
        let incoming = Incoming {
            gradient: &d_between,
            cut: Cut::ByInput(&self.first.line),
        };
        let coming = Coming { incoming, sums };
        let sums = sums_of(&lines, x);
        let sample = self.dims.sample();
        let first = slice::from_ref(&self.first);
        let (d_x, sums) = way_back(first, coming, gradients, |link, rows, gradients| {
            let convolution = &link.convolution;
            convolution.input_gradient(input, rows, gradients, &|n, gradient, to| {
                if let Some(beside) = &beside {
                    let beside = &beside[n * sample..][..sample];
                    gradient
                        .iter_mut()
                        .zip(beside)
                        .for_each(|(to, d)| *to += *d);
                }
                sums(n, gradient, to);
            })
        })?;
        drop(d_between);
        learn(gradients, &self.affine, &self.line.inverse, &sums)?;
        let back = Back::new(self.dims, &self.line, Some(&sums));
        let incoming = Incoming {
            gradient: &d_x,
            cut: Cut::ByInput(&self.line),
        };
        Ok(match beside {
            None => {
                let mut all = d_y.into_owned();
                back.add(self.dims, x, incoming, &mut all);
                all
            }
            Some(mut all) => {
                back.write(self.dims, x, incoming, &mut all);
                all
            }
        })
    }
}
