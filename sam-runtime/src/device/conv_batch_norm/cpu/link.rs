//! A convolution with its normalization, and the way back through several of them.

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    super::ConvNorm,
    convolved::{Convolved, sums_of},
};
use crate::{
    device::{
        Affine, Image, LayerTape, Window,
        batch_norm::{
            Moments,
            cpu::{
                Back, BackLines, ChannelMoments, Cut, Incoming, Line, Lines, batch_moments, learn,
                nonempty,
            },
        },
        conv::cpu::{Conv, Input, OutputGradient, convolution, forward, start},
        cpu::{
            arguments::{MISFIT, fits, parameter},
            dims::Dims,
            simd::{Real, vectorized},
        },
    },
    doors::host_memory::view,
};

/// What a chain takes of a [`ConvNorm`].
pub(super) struct Layer<'a, E: Real> {
    pub(super) weight: Image<E, Cpu>,
    pub(super) window: Window,
    pub(super) groups: usize,
    pub(super) affine: &'a Affine<E, Cpu>,
}

impl<'a, E: Real> Layer<'a, E> {
    pub(super) fn of(layer: &ConvNorm<'a, E, Cpu>) -> Self {
        let ConvNorm {
            weight,
            window,
            groups,
            affine,
            ..
        } = *layer;
        Self {
            weight: weight.clone(),
            window,
            groups,
            affine,
        }
    }

    /// The same with its weight as a kernel takes it, noted on `tape`.
    pub(super) fn noted<T: LayerTape<E, Cpu>>(self, tape: &mut T) -> Result<Self, CpuError>
    where
        Cpu: Device<E>,
    {
        let weight = parameter(&self.weight, tape)?;
        Ok(Self { weight, ..self })
    }
}

/// A convolution and its normalization, as they were computed.
pub(super) struct Link<E: Real> {
    pub(super) convolution: Convolved<E>,
    affine: Affine<E, Cpu>,
    /// The convolution's output.
    pub(super) z: Vec<E>,
    pub(super) line: Line<E>,
}

impl<E: Real> Link<E>
where
    Cpu: Device<E>,
{
    /// Convolves `x` and finds the normalization; and the moments that it is by.
    pub(super) fn new(
        conv: Conv,
        layer: &Layer<'_, E>,
        x: Input<'_, E>,
    ) -> Result<(Self, Moments<E, Cpu>), CpuError> {
        let Layer { weight, affine, .. } = layer;
        let dims = conv.output();
        nonempty(dims)?;
        for parameter in [&affine.scale, &affine.bias] {
            fits(parameter.shape().0 == dims.channels)?;
        }
        let (z, planes) = forward(&conv, x, &view(weight), true);
        let batch = ChannelMoments::of(dims, &planes);
        let line = batch.line(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
        let moments = batch_moments(weight.device(), dims, &batch)?;
        let weight = weight.clone();
        let link = Self {
            convolution: Convolved { conv, weight },
            affine: (*affine).clone(),
            z,
            line,
        };
        Ok((link, moments))
    }

    /// Layers of `x`, one or more; adds what each of them normalized by to `moments`.
    pub(super) fn several(
        conv: Conv,
        x: Input<'_, E>,
        layers: &[Layer<'_, E>],
        moments: &mut Vec<Moments<E, Cpu>>,
    ) -> Result<Vec<Self>, CpuError> {
        let (first, behind) = layers.split_first().ok_or(MISFIT)?;
        let (mut link, batch) = Self::new(conv, first, x)?;
        moments.push(batch);
        let mut links = Vec::new();
        for layer in behind {
            let (next, batch) = link.next(layer)?;
            moments.push(batch);
            links.push(std::mem::replace(&mut link, next));
        }
        links.push(link);
        Ok(links)
    }

    /// The layer behind this one.
    fn next(&self, layer: &Layer<'_, E>) -> Result<(Self, Moments<E, Cpu>), CpuError> {
        let sizes = [self.output(), layer.weight.shape().concrete()];
        let order = self.dims().order;
        let conv = convolution::<E>(sizes, order, layer.window, layer.groups, true)?;
        let x = Input::Normalized(&self.z, &self.lines());
        Self::new(conv, layer, x)
    }

    /// The output, channel by channel.
    pub(super) fn dims(&self) -> Dims {
        self.convolution.conv.output()
    }

    /// The sizes of the output.
    pub(super) fn output(&self) -> [usize; 4] {
        sizes(&self.convolution.conv)
    }

    /// What reads the normalized output takes beside it.
    pub(super) fn lines(&self) -> Lines<E> {
        lines(self.dims(), &self.line)
    }
}

/// What reads a normalized tensor, past ReLU, takes beside it.
pub(super) fn lines<E: Real>(dims: Dims, line: &Line<E>) -> Lines<E> {
    Lines::new(dims, &line.mean, Cut::ByInput(line)).expect("it lies by pixels")
}

/// The sizes of a convolution's output.
pub(super) fn sizes(conv: &Conv) -> [usize; 4] {
    let [height, width] = conv.places;
    [conv.batch, conv.outputs, height, width]
}

/// What comes back to a normalization: the gradient, and the sums of it and of its products for each channel.
pub(super) struct Coming<'a, E> {
    pub(super) incoming: Incoming<'a, E>,
    pub(super) sums: Vec<[f64; 2]>,
}

/// From the last normalization to the first convolution, whose way back is `first`.
pub(super) fn way_back<E: Real, R>(
    links: &[Link<E>],
    Coming { incoming, sums }: Coming<'_, E>,
    gradients: &mut Gradients<E, Cpu>,
    first: impl FnOnce(&Link<E>, &Through<'_, E>, &mut Gradients<E, Cpu>) -> Result<R, CpuError>,
) -> Result<R, CpuError>
where
    Cpu: Device<E>,
{
    let (link, before) = links.split_last().expect("a layer");
    learn(gradients, &link.affine, &link.line.inverse, &sums)?;
    let through = Back::new(link.dims(), &link.line, Some(&sums));
    let rows = Through {
        conv: link.convolution.conv,
        lines: BackLines::new(link.dims(), &through, incoming.cut),
        z: &link.z,
        back: &through,
        incoming,
    };
    let Some(input) = before.last() else {
        return first(link, &rows, gradients);
    };
    let lines = input.lines();
    let x = Input::Normalized(&input.z, &lines);
    let finish = sums_of(&lines, &input.z);
    let (d_x, sums) = link
        .convolution
        .input_gradient(x, &rows, gradients, &finish)?;
    let incoming = Incoming {
        gradient: &d_x,
        cut: Cut::ByInput(&input.line),
    };
    let coming = Coming { incoming, sums };
    way_back(before, coming, gradients, first)
}

/// The gradient of a convolution's output `z`, computed from what comes back to its normalization.
pub(super) struct Through<'a, E> {
    conv: Conv,
    /// `back`, where outputs lie by pixels.
    lines: Option<BackLines<E>>,
    z: &'a [E],
    back: &'a Back<E>,
    incoming: Incoming<'a, E>,
}

impl<E: Real> OutputGradient<E> for Through<'_, E> {
    fn write(&self, n: usize, channel: usize, first: usize, to: &mut [E]) {
        let start = start(&self.conv, n, channel) + first;
        let incoming = self.incoming.part(start, to.len());
        let z = &self.z[start..][..to.len()];
        vectorized(
            #[inline(always)]
            || self.back.each(channel, z, incoming, to, |to, d| *to = d),
        );
    }

    fn sample(&self, n: usize, to: &mut [E]) {
        let start = n * to.len();
        let incoming = self.incoming.part(start, to.len());
        let z = &self.z[start..][..to.len()];
        let lines = self.lines.as_ref().expect("outputs lie by pixels");
        vectorized(
            #[inline(always)]
            || lines.each(z, incoming, to, |to, d| *to = d),
        );
    }
}
