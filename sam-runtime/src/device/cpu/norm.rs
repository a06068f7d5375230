//! Batch normalization, forwards and backwards, and what else is done channel by channel.
//!
//! Images lie as (batch, channels, positions), row-major. The moments of a batch are put together from
//! those of each sample's channels, in f64 and in a fixed order: they are the same on any number of
//! threads, and do not suffer from a mean that is large beside the deviation.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    buffer::written,
    simd::{Real, vectorized},
};

/// Sizes of a batch of images, or of vectors (one position).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dims {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) positions: usize,
}

impl Dims {
    /// `None` for fewer than two dimensions.
    pub(super) fn new(sizes: &[usize]) -> Option<Self> {
        let [batch, channels, positions @ ..] = sizes else {
            return None;
        };
        Some(Self {
            batch: *batch,
            channels: *channels,
            positions: positions.iter().product(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.batch * self.channels * self.positions
    }

    fn sample(&self) -> usize {
        (self.channels * self.positions).max(1)
    }

    /// Numbers of a channel.
    pub(super) fn count(&self) -> usize {
        self.batch * self.positions
    }
}

/// A mean, and the sum of squared distances from it.
pub(super) type PlaneMoments<E> = [E; 2];

/// The mean of a plane and the sum of squared distances from it. The first mean is off by what its sum
/// was rounded by; the distances from it tell by how much.
#[inline(always)]
pub(super) fn plane_moments<E: Real>(plane: &[E]) -> PlaneMoments<E> {
    let count = E::narrow(plane.len() as f64);
    let [sum, _] = fold(plane, plane, plane, |x, _, _| [x, E::default()]);
    let mean = sum / count;
    let [distance, squares] = fold(plane, plane, plane, |x, _, _| {
        let distance = x - mean;
        [distance, distance * distance]
    });
    let off = distance / count;
    [mean + off, squares - count * off * off]
}

/// Independent partial sums, for the vector units and for accuracy.
const LANES: usize = 32;

/// Two sums over the elements of three slices of one length.
#[inline(always)]
fn fold<E: Real>(a: &[E], b: &[E], c: &[E], f: impl Fn(E, E, E) -> [E; 2]) -> [E; 2] {
    let mut lanes = [[E::default(); LANES]; 2];
    let ((a, a_rest), (b, b_rest), (c, c_rest)) = (
        a.as_chunks::<LANES>(),
        b.as_chunks::<LANES>(),
        c.as_chunks::<LANES>(),
    );
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        for lane in 0..LANES {
            let [first, second] = f(a[lane], b[lane], c[lane]);
            lanes[0][lane] += first;
            lanes[1][lane] += second;
        }
    }
    for (lane, ((&a, &b), &c)) in a_rest.iter().zip(b_rest).zip(c_rest).enumerate() {
        let [first, second] = f(a, b, c);
        lanes[0][lane] += first;
        lanes[1][lane] += second;
    }
    lanes.map(|lanes| lanes.into_iter().fold(E::default(), |sum, x| sum + x))
}

/// The moments of the planes of `x`, sample by sample.
pub(super) fn moments_of_planes<E: Real>(dims: Dims, x: &[E]) -> Vec<PlaneMoments<E>> {
    if dims.positions == 0 {
        return vec![[E::default(); 2]; dims.batch * dims.channels];
    }
    let mut moments = vec![[E::default(); 2]; dims.batch * dims.channels];
    moments
        .par_chunks_mut(dims.channels.max(1))
        .zip(x.par_chunks(dims.sample()))
        .for_each(|(moments, sample)| {
            vectorized(
                #[inline(always)]
                || {
                    let planes = sample.chunks_exact(dims.positions);
                    for (moments, plane) in moments.iter_mut().zip(planes) {
                        *moments = plane_moments(plane);
                    }
                },
            );
        });
    moments
}

/// Mean and variance (divided by the count) of each channel.
#[derive(Clone, Debug)]
pub(super) struct Moments<E> {
    pub(super) mean: Vec<E>,
    pub(super) variance: Vec<E>,
}

impl<E: Real> Moments<E> {
    /// Puts the moments of planes together (Chan, Golub & LeVeque 1983, eq. 2.1).
    pub(super) fn of(dims: Dims, planes: &[PlaneMoments<E>]) -> Self {
        let count = dims.positions as f64;
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        for channel in 0..dims.channels {
            let of_channel = || planes[channel..].iter().step_by(dims.channels);
            let total: f64 = of_channel().map(|[mean, _]| mean.wide()).sum();
            let center = total / dims.batch as f64;
            let squares: f64 = of_channel()
                .map(|[mean, squares]| squares.wide() + count * (mean.wide() - center).powi(2))
                .sum();
            mean.push(E::narrow(center));
            variance.push(E::narrow(squares / dims.count() as f64));
        }
        Self { mean, variance }
    }

    /// What the normalization does to each channel: `factor * (x - mean) + bias`.
    pub(super) fn affine(&self, scale: &[E], bias: &[E], epsilon: f64) -> Affine<E> {
        let deviations = self.variance.iter().map(|v| (v.wide() + epsilon).sqrt());
        let inverse: Vec<E> = deviations.map(|d| E::narrow(1.0 / d)).collect();
        Affine {
            mean: self.mean.clone(),
            factor: scale.iter().zip(&inverse).map(|(s, i)| *s * *i).collect(),
            inverse,
            bias: bias.to_vec(),
        }
    }
}

/// For each channel, `factor * (x - mean) + bias`.
#[derive(Clone, Debug)]
pub(super) struct Affine<E> {
    pub(super) mean: Vec<E>,
    /// One over the deviation.
    pub(super) inverse: Vec<E>,
    pub(super) factor: Vec<E>,
    pub(super) bias: Vec<E>,
}

impl<E: Real> Affine<E> {
    /// What is done to the elements of one channel.
    #[inline(always)]
    fn line(&self, channel: usize) -> impl Fn(E) -> E + Copy {
        let (mean, factor, bias) = (self.mean[channel], self.factor[channel], self.bias[channel]);
        move |x| factor * (x - mean) + bias
    }

    /// `max(0, factor * (x - mean) + bias + residual)`, each part if it is there.
    pub(super) fn apply(&self, dims: Dims, x: &[E], residual: Option<&[E]>, relu: bool) -> Vec<E> {
        assert_eq!(x.len(), dims.len());
        assert!(residual.is_none_or(|r| r.len() == x.len()));
        if x.is_empty() {
            return Vec::new();
        }
        let sample = dims.sample();
        let bound = floor::<E>(relu);
        // SAFETY: each sample's task writes all of its elements, plane by plane.
        unsafe {
            written(x.len(), |y| {
                let samples = y.par_chunks_mut(sample).enumerate();
                let write = |(n, y): (usize, &mut [MaybeUninit<E>])| {
                    vectorized(
                        #[inline(always)]
                        || {
                            let x = &x[n * sample..][..sample];
                            let residual = residual.map(|r| &r[n * sample..][..sample]);
                            for (channel, y) in y.chunks_exact_mut(dims.positions).enumerate() {
                                let start = channel * dims.positions;
                                let x = &x[start..][..dims.positions];
                                let line = self.line(channel);
                                match residual {
                                    None => {
                                        for (y, &x) in y.iter_mut().zip(x) {
                                            y.write(larger(bound, line(x)));
                                        }
                                    }
                                    Some(r) => {
                                        let r = &r[start..][..dims.positions];
                                        for ((y, &x), &r) in y.iter_mut().zip(x).zip(r) {
                                            y.write(larger(bound, line(x) + r));
                                        }
                                    }
                                }
                            }
                        },
                    );
                    y.len() / dims.positions * dims.positions
                };
                samples.map(write).sum()
            })
        }
    }
}

/// What nothing is below: 0 after ReLU.
fn floor<E: Real>(relu: bool) -> E {
    if relu {
        E::default()
    } else {
        E::narrow(f64::NEG_INFINITY)
    }
}

/// The larger of two; `x` if it is NaN.
#[inline(always)]
fn larger<E: Real>(bound: E, x: E) -> E {
    if x < bound { bound } else { x }
}

/// What of a gradient ReLU lets pass, if its output is `y`.
#[inline(always)]
fn pass<E: Real>(g: E, y: E) -> E {
    if y <= E::default() { E::default() } else { g }
}

/// A gradient that comes back to a normalization: where ReLU cut its output off, nothing does.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a, E> {
    pub(super) gradient: &'a [E],
    pub(super) cut: Cut<'a, E>,
}

/// How to tell where ReLU cut an output off.
#[derive(Clone, Copy)]
pub(super) enum Cut<'a, E> {
    /// There is no ReLU.
    Nowhere,
    /// Where the output is zero.
    ByOutput(&'a [E]),
    /// Where this, of the normalization's input, is: no output need be read.
    ByInput(&'a Affine<E>),
}

impl<'a, E: Real> Incoming<'a, E> {
    /// The part of some elements.
    #[inline(always)]
    pub(super) fn part(&self, start: usize, len: usize) -> Self {
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
            Cut::ByInput(affine) => {
                let line = affine.line(channel);
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
            Cut::ByInput(affine) => {
                let line = affine.line(channel);
                elements.for_each(|((to, &x), &g)| f(to, pass(g, line(x)), x));
            }
        }
    }
}

/// What comes back to where ReLU made the output `y`.
pub(super) fn masked<E: Real>(gradient: &[E], y: &[E]) -> Vec<E> {
    vectorized(
        #[inline(always)]
        || gradient.iter().zip(y).map(|(&g, &y)| pass(g, y)).collect(),
    )
}

/// For each channel, the sums of the gradient that comes back and of its products with the distance of
/// `x` from the mean. Adds the gradient to that of the residual on the way.
pub(super) fn sums<E: Real>(
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
    let run = |n: usize, planes: &mut [[E; 2]], mut d_residual: Option<&mut [E]>| {
        vectorized(
            #[inline(always)]
            || {
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
    let tasks = planes.par_chunks_mut(dims.channels).enumerate();
    match d_residual {
        Some(d) => tasks
            .zip(d.par_chunks_mut(sample))
            .for_each(|((n, planes), d)| run(n, planes, Some(d))),
        None => tasks.for_each(|(n, planes)| run(n, planes, None)),
    }
    let channel = |channel: usize| {
        let of_channel = planes[channel..].iter().step_by(dims.channels);
        of_channel.fold([0.0; 2], |[a, b], [x, y]| [a + x.wide(), b + y.wide()])
    };
    (0..dims.channels).map(channel).collect()
}

/// The gradient of a normalization's input, channel by channel: `along * g + across * (x - mean) +
/// shift`, where `g` is what comes back (Ioffe & Szegedy 2015, section 3, with the sums pulled out).
#[derive(Clone, Debug)]
pub(super) struct Back<E> {
    pub(super) mean: Vec<E>,
    along: Vec<E>,
    /// What comes through the moments, if they are the batch's: `across` and `shift`.
    moments: Option<[Vec<E>; 2]>,
}

impl<E: Real> Back<E> {
    /// From the [`sums`]; `None` where the moments are given, not the batch's.
    pub(super) fn new(dims: Dims, affine: &Affine<E>, sums: Option<&[[f64; 2]]>) -> Self {
        let count = dims.count() as f64;
        let moments = sums.map(|sums| {
            let part = |f: &dyn Fn(f64, f64, [f64; 2]) -> f64| {
                let factors = affine.factor.iter().zip(&affine.inverse);
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
            mean: affine.mean.clone(),
            along: affine.factor.clone(),
            moments,
        }
    }

    /// Has `write` write the gradient of some elements of one channel.
    #[inline(always)]
    pub(super) fn each(
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
    pub(super) fn add(&self, dims: Dims, x: &[E], incoming: Incoming<'_, E>, d_x: &mut [E]) {
        if x.is_empty() {
            return;
        }
        let sample = dims.sample();
        d_x.par_chunks_mut(sample).enumerate().for_each(|(n, d_x)| {
            vectorized(
                #[inline(always)]
                || {
                    for (channel, d_x) in d_x.chunks_exact_mut(dims.positions).enumerate() {
                        let start = n * sample + channel * dims.positions;
                        let x = &x[start..][..dims.positions];
                        let incoming = incoming.part(start, dims.positions);
                        self.each(channel, x, incoming, d_x, |d, g| *d += g);
                    }
                },
            );
        });
    }
}
