//! The way back through a normalization, channel by channel.

use super::{
    back_by_pixels::{BackLines, Lines},
    line::Line,
    moments::fold,
};
use crate::device::cpu::{
    dims::Dims,
    relu::pass,
    simd::{Real, vectorized},
    tasks::each_of,
};

/// A gradient that comes back to a normalization: where ReLU cut its output off, nothing does.
#[derive(Clone, Copy)]
pub(in crate::device) struct Incoming<'a, E> {
    pub(in crate::device) gradient: &'a [E],
    pub(in crate::device) cut: Cut<'a, E>,
}

/// How to tell where ReLU cut an output off.
#[derive(Clone, Copy)]
pub(in crate::device) enum Cut<'a, E> {
    /// There is no ReLU.
    Nowhere,
    /// Where the output is zero.
    ByOutput(&'a [E]),
    /// Where this, of the normalization's input, is: no output need be read.
    ByInput(&'a Line<E>),
}

impl<'a, E: Real> Incoming<'a, E> {
    /// The part of some elements.
    #[inline(always)]
    pub(in crate::device) fn part(&self, start: usize, len: usize) -> Self {
        Self {
            gradient: &self.gradient[start..][..len],
            cut: match self.cut {
                Cut::ByOutput(y) => Cut::ByOutput(&y[start..][..len]),
                cut => cut,
            },
        }
    }

    /// The sums of the gradient and of its products with the distance of `x` from `mean`.
    #[inline(always)]
    fn sums(&self, channel: usize, x: &[E], mean: E) -> [E; 2] {
        match self.cut {
            Cut::Nowhere => fold(self.gradient, x, x, |g, x, _| [g, g * (x - mean)]),
            Cut::ByOutput(y) => fold(self.gradient, x, y, |g, x, y| {
                let g = pass(g, y);
                [g, g * (x - mean)]
            }),
            Cut::ByInput(line) => {
                let line = line.of(channel);
                fold(self.gradient, x, x, |g, x, _| {
                    let g = pass(g, line(x));
                    [g, g * (x - mean)]
                })
            }
        }
    }

    /// Has `f` write each element, given that of the gradient and of `x`.
    #[inline(always)]
    fn each(&self, channel: usize, x: &[E], to: &mut [E], mut f: impl FnMut(&mut E, E, E)) {
        let elements = to.iter_mut().zip(x).zip(self.gradient);
        match self.cut {
            Cut::Nowhere => elements.for_each(|((to, &x), &g)| f(to, g, x)),
            Cut::ByOutput(y) => elements
                .zip(y)
                .for_each(|(((to, &x), &g), &y)| f(to, pass(g, y), x)),
            Cut::ByInput(line) => {
                let line = line.of(channel);
                elements.for_each(|((to, &x), &g)| f(to, pass(g, line(x)), x));
            }
        }
    }
}

/// For each channel, the sums of the gradient that comes back and of its products with the distance of
/// `x` from the mean. Adds the gradient to that of the residual on the way.
pub(in crate::device) fn channel_sums<E: Real>(
    dims: Dims,
    x: &[E],
    mean: &[E],
    incoming: Incoming<'_, E>,
    d_residual: Option<&mut [E]>,
) -> Vec<[f64; 2]> {
    let mut planes = vec![[E::default(); 2]; dims.batch * dims.channels];
    if dims.len() == 0 {
        return vec![[0.0; 2]; dims.channels];
    }
    let sample = dims.sample();
    let lines = Lines::new(dims, mean, incoming.cut);
    let run = |n: usize, planes: &mut [[E; 2]], mut d_residual: Option<&mut [E]>| {
        vectorized(
            #[inline(always)]
            || {
                if let Some(lines) = &lines {
                    let x = &x[n * sample..][..sample];
                    let incoming = incoming.part(n * sample, sample);
                    lines.sums(incoming, x, planes);
                    if let Some(d) = &mut d_residual {
                        lines.add(incoming, x, d);
                    }
                    return;
                }
                for (channel, to) in planes.iter_mut().enumerate() {
                    let start = n * sample + channel * dims.positions;
                    let x = &x[start..][..dims.positions];
                    let incoming = incoming.part(start, dims.positions);
                    *to = incoming.sums(channel, x, mean[channel]);
                    if let Some(d) = &mut d_residual {
                        let d = &mut d[channel * dims.positions..][..dims.positions];
                        incoming.each(channel, x, d, |d, g, _| *d += g);
                    }
                }
            },
        );
    };
    let tasks = planes.chunks_mut(dims.channels).enumerate();
    match d_residual {
        Some(d) => each_of(tasks.zip(d.chunks_mut(sample)), |((n, planes), d)| {
            run(n, planes, Some(d));
        }),
        None => each_of(tasks, |(n, planes)| run(n, planes, None)),
    }
    of_channels(dims, &planes)
}

/// The sums of each channel, given those of each sample.
pub(in crate::device) fn of_channels<E: Real>(dims: Dims, planes: &[[E; 2]]) -> Vec<[f64; 2]> {
    let channel = |channel: usize| {
        let of_channel = planes[channel..].iter().step_by(dims.channels);
        of_channel.fold([0.0; 2], |[a, b], [x, y]| [a + x.wide(), b + y.wide()])
    };
    (0..dims.channels).map(channel).collect()
}

/// The gradient of a normalization's input, channel by channel: `along * g + across * (x - mean) +
/// shift`, where `g` is what comes back (Ioffe & Szegedy 2015, section 3, with the sums pulled out).
#[derive(Clone, Debug)]
pub(in crate::device) struct Back<E> {
    pub(in crate::device) mean: Vec<E>,
    pub(super) along: Vec<E>,
    /// What comes through the moments, if they are the batch's: `across` and `shift`.
    pub(super) moments: Option<[Vec<E>; 2]>,
}

impl<E: Real> Back<E> {
    /// From the [`channel_sums`]; `None` where the moments are given, not the batch's.
    pub(in crate::device) fn new(dims: Dims, line: &Line<E>, sums: Option<&[[f64; 2]]>) -> Self {
        let count = dims.count() as f64;
        let moments = sums.map(|sums| {
            let part = |f: &dyn Fn(f64, f64, [f64; 2]) -> f64| {
                let factors = line.factor.iter().zip(&line.inverse);
                let each = factors.zip(sums).map(|((factor, inverse), sums)| {
                    E::narrow(f(factor.wide(), inverse.wide(), *sums))
                });
                each.collect()
            };
            [
                part(&|factor, inverse, [_, product]| -factor * inverse.powi(2) * product / count),
                part(&|factor, _, [sum, _]| -factor * sum / count),
            ]
        });
        Self {
            mean: line.mean.clone(),
            along: line.factor.clone(),
            moments,
        }
    }

    /// Has `write` write the gradient of some elements of one channel.
    #[inline(always)]
    pub(in crate::device) fn each(
        &self,
        channel: usize,
        x: &[E],
        incoming: Incoming<'_, E>,
        to: &mut [E],
        write: impl Fn(&mut E, E),
    ) {
        let along = self.along[channel];
        let Some([across, shift]) = &self.moments else {
            return incoming.each(channel, x, to, |to, g, _| write(to, along * g));
        };
        let (mean, across, shift) = (self.mean[channel], across[channel], shift[channel]);
        incoming.each(channel, x, to, |to, g, x| {
            write(to, along * g + (across * (x - mean) + shift));
        });
    }

    /// Adds the gradient of all elements to `d_x`.
    pub(in crate::device) fn add(
        &self,
        dims: Dims,
        x: &[E],
        incoming: Incoming<'_, E>,
        d_x: &mut [E],
    ) {
        self.all(dims, x, incoming, d_x, |d, g| *d += g);
    }

    /// Writes the gradient of all elements to `d_x`.
    pub(in crate::device) fn write(
        &self,
        dims: Dims,
        x: &[E],
        incoming: Incoming<'_, E>,
        d_x: &mut [E],
    ) {
        self.all(dims, x, incoming, d_x, |d, g| *d = g);
    }

    /// Has `write` write the gradient of each element.
    fn all(
        &self,
        dims: Dims,
        x: &[E],
        incoming: Incoming<'_, E>,
        d_x: &mut [E],
        write: impl Fn(&mut E, E) + Copy + Sync,
    ) {
        if x.is_empty() {
            return;
        }
        let sample = dims.sample();
        let lines = BackLines::new(dims, self, incoming.cut);
        each_of(d_x.chunks_mut(sample).enumerate(), |(n, d_x)| {
            vectorized(
                #[inline(always)]
                || {
                    if let Some(lines) = &lines {
                        let x = &x[n * sample..][..sample];
                        let incoming = incoming.part(n * sample, sample);
                        return lines.each(x, incoming, d_x, write);
                    }
                    for (channel, d_x) in d_x.chunks_exact_mut(dims.positions).enumerate() {
                        let start = n * sample + channel * dims.positions;
                        let x = &x[start..][..dims.positions];
                        let incoming = incoming.part(start, dims.positions);
                        self.each(channel, x, incoming, d_x, write);
                    }
                },
            );
        });
    }
}
