//! Images, and their places as vectors of channels.
//!
//! A vector is one place of as many channels as it has lanes, so that transforms are sums of vectors. Where images lie
//! pixel by pixel, that is how they are read; where they lie channel by channel, four places of each of a vector's channels
//! are read, and transposed in registers.
#![allow(unsafe_code)]

use pulp::Simd;

use super::fours::Fours;
use crate::device::cpu::{order::Order, simd::Real};

/// Images of several samples.
#[derive(Clone, Copy)]
pub(super) struct Images {
    pub(super) channels: usize,
    /// Height and width, which is at least 4.
    pub(super) size: [usize; 2],
    pub(super) order: Order,
    /// Elements from one channel to the next.
    pub(super) plane: usize,
}

impl Images {
    pub(super) fn new(channels: usize, size: [usize; 2], order: Order) -> Self {
        let plane = match order {
            Order::Planes => size[0] * size[1],
            Order::Pixels => 1,
        };
        Self {
            channels,
            size,
            order,
            plane,
        }
    }

    /// Elements of a sample.
    pub(super) fn sample(&self) -> usize {
        match self.order {
            Order::Planes => self.channels * self.plane,
            Order::Pixels => self.channels * self.size[0] * self.size[1],
        }
    }

    /// Whether a row of planes fits between two of them, or pixels are made of whole vectors.
    pub(super) fn fits(&self, lanes: usize) -> bool {
        match self.order {
            Order::Planes => self.size[1] >= 4 && self.size[0] * self.size[1] <= self.plane,
            Order::Pixels => self.plane == 1 && self.channels.is_multiple_of(lanes),
        }
    }

    /// Where the fours begin that cover a row. The last two may overlap.
    #[inline(always)]
    pub(super) fn fours(&self) -> impl Iterator<Item = usize> + use<> {
        let width = self.size[1];
        (0..width).step_by(4).map(move |x| x.min(width - 4))
    }
}

/// Four places from `at` on of each channel of a vector, from `channel` on: a vector for each place. Channels that are
/// not there are zero.
///
/// # Safety
/// They can be read.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, E: Fours>(
    simd: S,
    images: Images,
    channel: usize,
    at: *const E,
) -> [E::Lanes<S>; 4] {
    let zeros = [E::default(); 4];
    let lanes = E::lanes::<S>();
    let mut fours = [E::splat(simd, E::default()); 4];
    for (i, four) in fours.iter_mut().enumerate() {
        // SAFETY: the caller's, for the image's channels.
        *four = unsafe {
            if channel + lanes <= images.channels {
                E::load_fours::<S>(
                    #[inline(always)]
                    |piece| at.add((4 * piece + i) * images.plane),
                )
            } else {
                E::load_fours::<S>(
                    #[inline(always)]
                    |piece| match 4 * piece + i {
                        lane if channel + lane < images.channels => at.add(lane * images.plane),
                        _ => zeros.as_ptr(),
                    },
                )
            }
        };
    }
    E::transposed(simd, fours)
}

/// The reverse of [`load`]: writes four places of each channel, or adds all but the first `done`.
///
/// # Safety
/// They can be written, and hold elements if they are added to.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, E: Fours, const ADD: bool>(
    simd: S,
    fours: [E::Lanes<S>; 4],
    images: Images,
    channel: usize,
    (to, done): (*mut E, usize),
) {
    let lanes = E::lanes::<S>();
    // SAFETY: the caller's, for channels that are there.
    unsafe {
        if channel + lanes <= images.channels && done == 0 {
            for (i, &four) in fours.iter().enumerate() {
                let to = to.add(i * images.plane);
                let sum = if ADD {
                    let there = E::load_fours::<S>(
                        #[inline(always)]
                        |piece| to.add(4 * piece * images.plane).cast_const(),
                    );
                    E::plus(simd, there, four)
                } else {
                    four
                };
                E::store_fours::<S>(
                    sum,
                    #[inline(always)]
                    |piece| to.add(4 * piece * images.plane),
                );
            }
            return;
        }
        for (i, four) in fours.iter().enumerate() {
            let four = std::ptr::from_ref(four).cast::<E>();
            for piece in (0..lanes / 4).filter(|p| channel + 4 * p + i < images.channels) {
                let to = to.add((4 * piece + i) * images.plane);
                for u in done..4 {
                    let x = *four.add(4 * piece + u);
                    to.add(u).write(if ADD { *to.add(u) + x } else { x });
                }
            }
        }
    }
}

/// Writes or adds as many places as a vector has lanes of each of some channels, which lie place by place.
///
/// # Safety
/// They can be read and written, and hold elements if they are added to.
#[inline(always)]
pub(super) unsafe fn store_lines<S: Simd, E: Fours, const ADD: bool>(
    simd: S,
    at: *const E,
    channels: usize,
    (to, plane): (*mut E, usize),
) {
    let lanes = E::lanes::<S>();
    // SAFETY: the caller's.
    unsafe {
        for first in (0..channels).step_by(4) {
            let mut fours = [E::splat(simd, E::default()); 4];
            for (i, four) in fours.iter_mut().enumerate() {
                *four = E::load_fours::<S>(
                    #[inline(always)]
                    |piece| at.add((4 * piece + i) * lanes + first),
                );
            }
            let lines = E::transposed(simd, fours);
            for (i, &line) in lines.iter().enumerate().take(channels - first) {
                let to = to.add((first + i) * plane);
                let sum = if ADD {
                    E::plus(simd, E::load::<S>(to), line)
                } else {
                    line
                };
                E::store(to, sum);
            }
        }
    }
}

/// Vectors at a distance from each other. (What closures do that make an array is not compiled for the vectors of `S`.)
///
/// # Safety
/// They can be read.
#[inline(always)]
pub(super) unsafe fn vectors<S: Simd, E: Real, const COUNT: usize>(
    simd: S,
    at: *const E,
    apart: usize,
) -> [E::Lanes<S>; COUNT] {
    let mut vectors = [E::splat(simd, E::default()); COUNT];
    for (i, vector) in vectors.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *vector = unsafe { E::load::<S>(at.add(i * apart)) };
    }
    vectors
}
