//! The moments of a batch. They are put together from those of each sample's channels, in f64 and in a fixed
//! order: they are the same on any number of threads, and do not suffer from a mean that is large beside the
//! deviation.

use super::{line::Line, pixels};
use crate::device::cpu::{
    dims::Dims,
    order::Order,
    simd::{Real, vectorized},
    tasks::each_of,
};

/// A mean, and the sum of squared distances from it.
pub(in crate::device) type PlaneMoments<E> = [E; 2];

/// The mean of a plane and the sum of squared distances from it. The first mean is off by what its sum
/// was rounded by; the distances from it tell by how much.
#[inline(always)]
fn plane_moments<E: Real>(plane: &[E]) -> PlaneMoments<E> {
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

/// The moments of each channel of some samples, if they are asked for: else there is no room for any.
#[inline(always)]
pub(in crate::device) fn moments_of_samples<E: Real>(
    dims: Dims,
    samples: &[E],
    moments: &mut [PlaneMoments<E>],
) {
    let moments = moments.chunks_exact_mut(dims.channels);
    for (moments, sample) in moments.zip(samples.chunks_exact(dims.sample())) {
        sample_moments(dims, sample, moments);
    }
}

/// The moments of each channel of a sample.
#[inline(always)]
fn sample_moments<E: Real>(dims: Dims, sample: &[E], moments: &mut [PlaneMoments<E>]) {
    match dims.order {
        Order::Planes => {
            let planes = sample.chunks_exact(dims.positions);
            for (moments, plane) in moments.iter_mut().zip(planes) {
                *moments = plane_moments(plane);
            }
        }
        Order::Pixels => moments_by_pixels(dims, sample, moments),
    }
}

/// [`plane_moments`] of all channels of a sample that lies by pixels.
#[inline(always)]
fn moments_by_pixels<E: Real>(dims: Dims, sample: &[E], moments: &mut [PlaneMoments<E>]) {
    let count = E::narrow(dims.positions as f64);
    pixels::fold(
        dims,
        moments,
        #[inline(always)]
        |start, sums, _| {
            let x = &sample[start..][..sums.len()];
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += *x);
        },
    );
    let means: Vec<E> = moments.iter().map(|[sum, _]| *sum / count).collect();
    let mean = pixels::spread(dims, &means);
    pixels::fold(
        dims,
        moments,
        #[inline(always)]
        |start, distances, squares| {
            let len = distances.len();
            let (x, mean, squares) = (&sample[start..][..len], &mean[..len], &mut squares[..len]);
            for i in 0..len {
                let distance = x[i] - mean[i];
                distances[i] += distance;
                squares[i] += distance * distance;
            }
        },
    );
    for ([distance, squares], mean) in moments.iter_mut().zip(&means) {
        let off = *distance / count;
        *distance = *mean + off;
        *squares -= count * off * off;
    }
}

/// Independent partial sums, for the vector units and for accuracy.
const LANES: usize = 32;

/// Two sums over the elements of three slices of one length.
#[inline(always)]
pub(super) fn fold<E: Real>(a: &[E], b: &[E], c: &[E], f: impl Fn(E, E, E) -> [E; 2]) -> [E; 2] {
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
pub(in crate::device) fn moments_of_planes<E: Real>(dims: Dims, x: &[E]) -> Vec<PlaneMoments<E>> {
    if dims.positions == 0 {
        return vec![[E::default(); 2]; dims.batch * dims.channels];
    }
    let mut moments = vec![[E::default(); 2]; dims.batch * dims.channels];
    let samples = moments.chunks_mut(dims.channels.max(1));
    each_of(samples.zip(x.chunks(dims.sample())), |(moments, sample)| {
        vectorized(
            #[inline(always)]
            || sample_moments(dims, sample, moments),
        );
    });
    moments
}

/// Mean and variance (divided by the count) of each channel.
#[derive(Clone, Debug)]
pub(in crate::device) struct ChannelMoments<E> {
    pub(in crate::device) mean: Vec<E>,
    pub(in crate::device) variance: Vec<E>,
}

impl<E: Real> ChannelMoments<E> {
    /// Puts the moments of planes together (Chan, Golub & LeVeque 1983, eq. 2.1).
    pub(in crate::device) fn of(dims: Dims, planes: &[PlaneMoments<E>]) -> Self {
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
    pub(in crate::device) fn line(&self, scale: &[E], bias: &[E], epsilon: f64) -> Line<E> {
        let deviations = self.variance.iter().map(|v| (v.wide() + epsilon).sqrt());
        let inverse: Vec<E> = deviations.map(|d| E::narrow(1.0 / d)).collect();
        Line {
            mean: self.mean.clone(),
            factor: scale.iter().zip(&inverse).map(|(s, i)| *s * *i).collect(),
            inverse,
            bias: bias.to_vec(),
        }
    }
}
