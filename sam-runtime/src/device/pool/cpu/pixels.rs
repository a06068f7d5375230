//! Pooling of images that lie by pixels: a vector of channels at once.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::kernels::Pooling;
use crate::device::{
    Pool,
    cpu::{
        buffer::written,
        simd::Real,
        tasks::{counted, each_of},
    },
};

impl Pooling {
    pub(super) fn forward_pixels<E: Real>(&self, channels: usize, x: &[E]) -> Vec<E> {
        let [sample, result] = self.samples(channels);
        if sample == 0 {
            return Vec::new();
        }
        // SAFETY: each task writes every place of its sample.
        unsafe {
            written(x.len() / sample * result, |y| {
                let tasks = y.chunks_mut(result).zip(x.chunks_exact(sample));
                counted(tasks, |(y, x)| {
                    let len = y.len();
                    Arch::new().dispatch(Forward {
                        pooling: self,
                        channels,
                        x,
                        y,
                    });
                    len
                })
            })
        }
    }

    /// Adds the gradient of `x` to `d_x`.
    pub(super) fn backward_pixels<E: Real>(
        &self,
        channels: usize,
        x: &[E],
        d_y: &[E],
        d_x: &mut [E],
    ) {
        let [sample, result] = self.samples(channels);
        if sample == 0 || result == 0 {
            return;
        }
        let tasks = d_x
            .chunks_mut(sample)
            .zip(x.chunks(sample))
            .zip(d_y.chunks(result));
        each_of(tasks, |((d_x, x), d_y)| {
            Arch::new().dispatch(Backward {
                pooling: self,
                channels,
                x,
                d_y,
                d_x,
            });
        });
    }

    /// Elements of a sample, and of what is made of it.
    fn samples(&self, channels: usize) -> [usize; 2] {
        [self.image, self.places].map(|[height, width]| height * width * channels)
    }

    /// That samples of so many elements are images of so many channels, before and after, and channels whole vectors.
    #[inline(always)]
    fn assert_fit(&self, lens: [usize; 2], channels: usize, lanes: usize) {
        assert!(lens == self.samples(channels) && channels.is_multiple_of(lanes));
    }

    /// Calls `f(place, its pixels)` for each place, with the pixels as a slice of a length that is known where windows
    /// halve the image.
    #[inline(always)]
    fn each_place(&self, mut f: impl FnMut(usize, &[usize])) {
        let ([height, width], line) = (self.places, self.image[1]);
        let mut pixels = Vec::with_capacity(self.window.size * self.window.size);
        for (row, column) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let place = row * width + column;
            if self.is_halving() {
                let first = 2 * (row * line + column);
                f(place, &[first, first + 1, first + line, first + line + 1]);
                continue;
            }
            pixels.clear();
            self.each_pixel([row, column], |pixel| pixels.push(pixel));
            f(place, &pixels);
        }
    }
}

/// A sample on the way forwards.
struct Forward<'a, E> {
    pooling: &'a Pooling,
    channels: usize,
    x: &'a [E],
    y: &'a mut [MaybeUninit<E>],
}

impl<E: Real> WithSimd for Forward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (channels, lanes) = (self.channels, E::lanes::<S>());
        let (pooling, share) = (self.pooling, E::splat(simd, self.pooling.share()));
        pooling.assert_fit([self.x.len(), self.y.len()], channels, lanes);
        let (x, y) = (self.x.as_ptr(), self.y.as_mut_ptr().cast::<E>());
        pooling.each_place(
            #[inline(always)]
            |place, pixels| {
                for channel in (0..channels).step_by(lanes) {
                    // SAFETY: pixels and places are those of the images, whose channels are whole vectors.
                    unsafe {
                        let x = x.add(channel);
                        let result = match pooling.pool {
                            Pool::Max => {
                                let mut best = E::splat(simd, E::narrow(f64::NEG_INFINITY));
                                for &pixel in pixels {
                                    let x = E::load::<S>(x.add(pixel * channels));
                                    let is_better = E::better(simd, best, x);
                                    best = E::select(simd, is_better, x, best);
                                }
                                best
                            }
                            Pool::Avg => {
                                let zero = E::splat(simd, E::default());
                                let mut sum = zero;
                                for &pixel in pixels {
                                    sum = E::plus(simd, sum, E::load::<S>(x.add(pixel * channels)));
                                }
                                E::mul_add(simd, sum, share, zero)
                            }
                        };
                        E::store(y.add(place * channels + channel), result);
                    }
                }
            },
        );
    }
}

/// A sample on the way back.
struct Backward<'a, E> {
    pooling: &'a Pooling,
    channels: usize,
    x: &'a [E],
    d_y: &'a [E],
    d_x: &'a mut [E],
}

impl<E: Real> WithSimd for Backward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (channels, lanes) = (self.channels, E::lanes::<S>());
        let (pooling, share) = (self.pooling, E::splat(simd, self.pooling.share()));
        pooling.assert_fit([self.x.len(), self.d_y.len()], channels, lanes);
        assert_eq!(self.d_x.len(), self.x.len());
        let (x, d_y, d_x) = (self.x.as_ptr(), self.d_y.as_ptr(), self.d_x.as_mut_ptr());
        let zero = E::splat(simd, E::default());
        let one = E::splat(simd, E::ONE);
        pooling.each_place(
            #[inline(always)]
            |place, pixels| {
                for channel in (0..channels).step_by(lanes) {
                    // SAFETY: as on the way forwards.
                    unsafe {
                        let (x, d_x) = (x.add(channel), d_x.add(channel));
                        let g = E::load::<S>(d_y.add(place * channels + channel));
                        // Which pixel is the largest, counted in the type of the elements.
                        let (mut at, mut tap) = (zero, zero);
                        if pooling.pool == Pool::Max {
                            let mut best = E::splat(simd, E::narrow(f64::NEG_INFINITY));
                            for &pixel in pixels {
                                let x = E::load::<S>(x.add(pixel * channels));
                                let is_better = E::better(simd, best, x);
                                best = E::select(simd, is_better, x, best);
                                at = E::select(simd, is_better, tap, at);
                                tap = E::plus(simd, tap, one);
                            }
                            tap = zero;
                        }
                        for &pixel in pixels {
                            let d_x = d_x.add(pixel * channels);
                            let d = match pooling.pool {
                                Pool::Max => E::select(simd, E::equal(simd, at, tap), g, zero),
                                Pool::Avg => E::mul_add(simd, g, share, zero),
                            };
                            E::store(d_x, E::plus(simd, E::load::<S>(d_x), d));
                            tap = E::plus(simd, tap, one);
                        }
                    }
                }
            },
        );
    }
}

/// The mean of each channel of each sample of so many pixels.
pub(super) fn global_average<E: Real>(x: &[E], channels: usize, pixels: usize) -> Vec<E> {
    let count = E::narrow(pixels as f64);
    let mut y = vec![E::default(); x.len() / pixels];
    let tasks = y.chunks_mut(channels).zip(x.chunks(channels * pixels));
    each_of(tasks, |(sums, x)| {
        for pixel in x.chunks_exact(channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += *x);
        }
        sums.iter_mut().for_each(|sum| *sum /= count);
    });
    y
}

/// Adds the gradient of `x` to `d_x`.
pub(super) fn global_average_backward<E: Real>(
    d_y: &[E],
    channels: usize,
    pixels: usize,
    d_x: &mut [E],
) {
    let count = E::narrow(pixels as f64);
    let tasks = d_x.chunks_mut(channels * pixels).zip(d_y.chunks(channels));
    each_of(tasks, |(d_x, d_y)| {
        for pixel in d_x.chunks_exact_mut(channels) {
            pixel
                .iter_mut()
                .zip(d_y)
                .for_each(|(d, &g)| *d += g / count);
        }
    });
}
