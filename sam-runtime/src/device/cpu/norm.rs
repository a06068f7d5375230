//! Batch normalization, forwards and backwards, and what else is done channel by channel.
//!
//! Images lie as (batch, channels, positions), row-major. The moments of a batch are put together from
//! those of each sample's channels, in f64 and in a fixed order: they are the same on any number of
//! threads, and do not suffer from a mean that is large beside the deviation.
#![allow(unsafe_code)]

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
                samples.for_each(|(n, y)| {
                    vectorized(
                        #[inline(always)]
                        || {
                            let x = &x[n * sample..][..sample];
                            let residual = residual.map(|r| &r[n * sample..][..sample]);
                            for (channel, y) in y.chunks_exact_mut(dims.positions).enumerate() {
                                let start = channel * dims.positions;
                                let x = &x[start..][..dims.positions];
                                let (mean, factor, bias) =
                                    (self.mean[channel], self.factor[channel], self.bias[channel]);
                                let line = |x: E| factor * (x - mean) + bias;
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
                });
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

/// A gradient that comes back to a normalization: where ReLU cut the output `y` off, nothing does.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a, E> {
    pub(super) gradient: &'a [E],
    /// The output, if ReLU made it.
    pub(super) cut: Option<&'a [E]>,
}

impl<'a, E: Real> Incoming<'a, E> {
    /// The part of some elements.
    #[inline(always)]
    pub(super) fn part(&self, start: usize, len: usize) -> Self {
        Self {
            gradient: &self.gradient[start..][..len],
            cut: self.cut.map(|y| &y[start..][..len]),
        }
    }

    /// The sums of the gradient and of its products with the distance of `x` from `mean`.
    #[inline(always)]
    fn sums(&self, x: &[E], mean: E) -> [E; 2] {
        match self.cut {
            None => fold(self.gradient, x, x, |g, x, _| [g, g * (x - mean)]),
            Some(y) => fold(self.gradient, x, y, |g, x, y| {
                let g = pass(g, y);
                [g, g * (x - mean)]
            }),
        }
    }

    /// Writes `f` of each element of the gradient and of `x`.
    #[inline(always)]
    fn each(&self, to: &mut [E], x: &[E], f: impl Fn(E, E) -> E) {
        let elements = to.iter_mut().zip(x).zip(self.gradient);
        match self.cut {
            None => elements.for_each(|((to, &x), &g)| *to = f(g, x)),
            Some(y) => {
                for (((to, &x), &g), &y) in elements.zip(y) {
                    *to = f(pass(g, y), x);
                }
            }
        }
    }

    /// What comes back, element by element.
    pub(super) fn masked(&self) -> Vec<E> {
        match self.cut {
            None => self.gradient.to_vec(),
            Some(y) => vectorized(
                #[inline(always)]
                || {
                    self.gradient
                        .iter()
                        .zip(y)
                        .map(|(&g, &y)| pass(g, y))
                        .collect()
                },
            ),
        }
    }

    /// Adds it to `to`.
    #[inline(always)]
    fn add_to(&self, to: &mut [E]) {
        match self.cut {
            None => to
                .iter_mut()
                .zip(self.gradient)
                .for_each(|(to, g)| *to += *g),
            Some(y) => {
                for ((to, &g), &y) in to.iter_mut().zip(self.gradient).zip(y) {
                    *to += pass(g, y);
                }
            }
        }
    }
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
                    *to = incoming.sums(x, mean[channel]);
                    if let Some(d_residual) = &mut d_residual {
                        incoming
                            .add_to(&mut d_residual[channel * dims.positions..][..dims.positions]);
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

    /// Writes the gradient of some elements of one channel.
    #[inline(always)]
    pub(super) fn row(&self, channel: usize, x: &[E], incoming: Incoming<'_, E>, to: &mut [E]) {
        let along = self.along[channel];
        let Some([across, shift]) = &self.moments else {
            return incoming.each(to, x, |g, _| along * g);
        };
        let (mean, across, shift) = (self.mean[channel], across[channel], shift[channel]);
        incoming.each(to, x, |g, x| along * g + (across * (x - mean) + shift));
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
                    let mut row = [E::default(); 256];
                    for (channel, d_x) in d_x.chunks_exact_mut(dims.positions).enumerate() {
                        let start = n * sample + channel * dims.positions;
                        for (i, d_x) in d_x.chunks_mut(row.len()).enumerate() {
                            let start = start + i * row.len();
                            let row = &mut row[..d_x.len()];
                            self.row(
                                channel,
                                &x[start..][..d_x.len()],
                                incoming.part(start, d_x.len()),
                                row,
                            );
                            d_x.iter_mut().zip(row).for_each(|(d, r)| *d += *r);
                        }
                    }
                },
            );
        });
    }
}
