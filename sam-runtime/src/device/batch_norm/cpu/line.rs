//! What a normalization is once its moments are known: for each channel, a line.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use super::pixels::spread;
use crate::device::cpu::{
    buffer::written,
    dims::Dims,
    order::Order,
    relu::{floor, larger},
    simd::{Real, vectorized},
    tasks::counted,
};

/// For each channel, `factor * (x - mean) + bias`.
#[derive(Clone, Debug)]
pub(in crate::device) struct Line<E> {
    pub(in crate::device) mean: Vec<E>,
    /// One over the deviation.
    pub(in crate::device) inverse: Vec<E>,
    pub(in crate::device) factor: Vec<E>,
    pub(in crate::device) bias: Vec<E>,
}

impl<E: Real> Line<E> {
    /// What is done to the elements of one channel.
    #[inline(always)]
    pub(super) fn of(&self, channel: usize) -> impl Fn(E) -> E + Copy {
        let (mean, factor, bias) = (self.mean[channel], self.factor[channel], self.bias[channel]);
        move |x| factor * (x - mean) + bias
    }

    /// Its numbers as often as makes a line of pixels: mean, factor, bias.
    pub(super) fn spread(&self, dims: Dims) -> [Vec<E>; 3] {
        [&self.mean, &self.factor, &self.bias].map(|channels| spread(dims, channels))
    }

    /// `max(0, factor * (x - mean) + bias + residual)`, each part if it is there.
    pub(in crate::device) fn apply(
        &self,
        dims: Dims,
        x: &[E],
        residual: Option<&[E]>,
        relu: bool,
    ) -> Vec<E> {
        assert_eq!(x.len(), dims.len());
        assert!(residual.is_none_or(|r| r.len() == x.len()));
        if x.is_empty() {
            return Vec::new();
        }
        let sample = dims.sample();
        let bound = floor::<E>(relu);
        let spread = match dims.order {
            Order::Planes => Default::default(),
            Order::Pixels => self.spread(dims),
        };
        let spread = spread.each_ref().map(Vec::as_slice);
        // SAFETY: each sample's task writes all of its elements, plane by plane.
        unsafe {
            written(x.len(), |y| {
                let samples = y.chunks_mut(sample).enumerate();
                let write = |(n, y): (usize, &mut [MaybeUninit<E>])| {
                    vectorized(
                        #[inline(always)]
                        || {
                            let x = &x[n * sample..][..sample];
                            let residual = residual.map(|r| &r[n * sample..][..sample]);
                            if dims.order == Order::Pixels {
                                return write_pixels(
                                    spread,
                                    x,
                                    residual,
                                    bound,
                                    y,
                                    #[inline(always)]
                                    |y, x| {
                                        y.write(x);
                                    },
                                );
                            }
                            for (channel, y) in y.chunks_exact_mut(dims.positions).enumerate() {
                                let start = channel * dims.positions;
                                let x = &x[start..][..dims.positions];
                                let line = self.of(channel);
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
                counted(samples, write)
            })
        }
    }
}

/// [`Line::apply`] to a sample that lies by pixels, with the line [`spread`](Line::spread).
#[inline(always)]
pub(super) fn write_pixels<E: Real, Y>(
    [mean, factor, bias]: [&[E]; 3],
    x: &[E],
    residual: Option<&[E]>,
    bound: E,
    y: &mut [Y],
    write: impl Fn(&mut Y, E),
) {
    let (len, all) = (mean.len(), y.len());
    for start in (0..all).step_by(len) {
        let len = len.min(all - start);
        let (y, x) = (&mut y[start..][..len], &x[start..][..len]);
        let (mean, factor, bias) = (&mean[..len], &factor[..len], &bias[..len]);
        match residual {
            None => {
                for i in 0..len {
                    let line = factor[i] * (x[i] - mean[i]) + bias[i];
                    write(&mut y[i], larger(bound, line));
                }
            }
            Some(r) => {
                let r = &r[start..][..len];
                for i in 0..len {
                    let line = factor[i] * (x[i] - mean[i]) + bias[i];
                    write(&mut y[i], larger(bound, line + r[i]));
                }
            }
        }
    }
}
