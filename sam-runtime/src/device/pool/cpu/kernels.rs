//! Pooling. The way back looks for the largest element anew, instead of keeping where it was.
#![allow(unsafe_code)]

use std::{mem::MaybeUninit, ops::Range};

use crate::device::{
    Pool, Window,
    cpu::{
        buffer::written,
        simd::{Real, vectorized},
        tasks::{counted, each_of},
    },
};

/// Planes of one size, and the window that slides over them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pooling {
    pub(super) pool: Pool,
    pub(super) window: Window,
    pub(super) image: [usize; 2],
    pub(super) places: [usize; 2],
}

/// Planes of one task.
const TASK: usize = 16;

/// Planes of a task that only adds them up.
const PLANES: usize = 256;

impl Pooling {
    /// `None` if the window has no place, or places that cover nothing but padding, which have no largest
    /// element.
    pub(super) fn new(
        pool: Pool,
        window: Window,
        planes: usize,
        [height, width]: [usize; 2],
    ) -> Option<Self> {
        let places = [window.places(height)?, window.places(width)?];
        let pooling = Self {
            pool,
            window,
            image: [height, width],
            places,
        };
        let elements = planes
            .checked_mul(places[0])?
            .checked_mul(places[1])
            .filter(|elements| *elements < isize::MAX as usize / 64);
        elements?;
        let blind = |axis: usize| {
            let mut taps = (0..places[axis]).map(|at| pooling.taps(at, pooling.image[axis]).0);
            taps.any(|taps| taps.is_empty())
        };
        (pool == Pool::Avg || !(blind(0) || blind(1))).then_some(pooling)
    }

    /// Whether windows tile the plane two by two, as they mostly do.
    pub(super) fn is_halving(&self) -> bool {
        let halving = Window {
            size: 2,
            stride: 2,
            padding: 0,
            dilation: 1,
        };
        self.window == halving
    }

    /// What each pixel of a window gives to an average.
    pub(super) fn share<E: Real>(&self) -> E {
        E::narrow(1.0 / (self.window.size * self.window.size) as f64)
    }

    /// The taps of the window at `place` that lie in a side of `side` pixels, and the pixel of the first.
    fn taps(&self, place: usize, side: usize) -> (Range<usize>, usize) {
        let Window {
            size,
            stride,
            padding,
            dilation,
        } = self.window;
        let start = place * stride;
        let first = padding.saturating_sub(start).div_ceil(dilation).min(size);
        let end = (side + padding)
            .saturating_sub(start)
            .div_ceil(dilation)
            .clamp(first, size);
        let pixel = match first < end {
            true => (start + first * dilation).saturating_sub(padding),
            // No tap lies in the side, so the number of the first may be beyond all pixels.
            false => 0,
        };
        (first..end, pixel)
    }

    /// Calls `f` for each pixel of the window at a place, with its index in the plane, row by row.
    #[inline(always)]
    pub(super) fn each_pixel(&self, [y, x]: [usize; 2], mut f: impl FnMut(usize)) {
        let [(rows, top), (columns, left)] =
            [self.taps(y, self.image[0]), self.taps(x, self.image[1])];
        for row in 0..rows.len() {
            let start = (top + row * self.window.dilation) * self.image[1] + left;
            for column in 0..columns.len() {
                f(start + column * self.window.dilation);
            }
        }
    }

    /// The pixel with the largest value: the first of several, or the last NaN, as in PyTorch.
    #[inline(always)]
    fn largest<E: Real>(&self, place: [usize; 2], x: &[E]) -> (Option<usize>, E) {
        let mut best = (None, E::narrow(f64::NEG_INFINITY));
        self.each_pixel(place, |pixel| {
            let value = x[pixel];
            if best.0.is_none() || better(best.1, value) {
                best = (Some(pixel), value);
            }
        });
        best
    }

    pub(super) fn forward<E: Real>(&self, x: &[E]) -> Vec<E> {
        let (pixels, places) = (
            self.image[0] * self.image[1],
            self.places[0] * self.places[1],
        );
        if pixels == 0 {
            return Vec::new();
        }
        // SAFETY: each task writes every place of its planes.
        unsafe {
            written(x.len() / pixels * places, |y| {
                let tasks = y.chunks_mut(TASK * places).zip(x.chunks(TASK * pixels));
                counted(tasks, |(y, x)| {
                    let planes = (y.len() / places).min(x.len() / pixels);
                    vectorized(
                        #[inline(always)]
                        || {
                            let planes = y.chunks_exact_mut(places).zip(x.chunks_exact(pixels));
                            planes.for_each(|(y, x)| self.forward_plane(x, y));
                        },
                    );
                    planes * places
                })
            })
        }
    }

    #[inline(always)]
    fn forward_plane<E: Real>(&self, x: &[E], y: &mut [MaybeUninit<E>]) {
        let [height, width] = self.places;
        let share = self.share::<E>();
        for row in 0..height {
            let y = &mut y[row * width..][..width];
            if self.is_halving() {
                let [above, below] = self.two_rows(row, x);
                let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
                for (y, (a, b)) in y.iter_mut().zip(pairs) {
                    y.write(match self.pool {
                        Pool::Max => larger(larger(a[0], a[1]), larger(b[0], b[1])),
                        Pool::Avg => (a[0] + a[1] + b[0] + b[1]) * share,
                    });
                }
                continue;
            }
            for (column, y) in y.iter_mut().enumerate() {
                y.write(match self.pool {
                    Pool::Max => self.largest([row, column], x).1,
                    Pool::Avg => {
                        let mut sum = E::default();
                        self.each_pixel([row, column], |pixel| sum += x[pixel]);
                        sum * share
                    }
                });
            }
        }
    }

    /// The two rows of pixels below each other that a row of halving windows covers.
    #[inline(always)]
    fn two_rows<'a, E>(&self, row: usize, x: &'a [E]) -> [&'a [E]; 2] {
        let width = self.image[1];
        [2 * row, 2 * row + 1].map(|y| &x[y * width..][..2 * self.places[1]])
    }

    /// Adds the gradient of `x` to `d_x`.
    pub(super) fn backward<E: Real>(&self, x: &[E], d_y: &[E], d_x: &mut [E]) {
        let (pixels, places) = (
            self.image[0] * self.image[1],
            self.places[0] * self.places[1],
        );
        if pixels == 0 {
            return;
        }
        let tasks = d_x
            .chunks_mut(TASK * pixels)
            .zip(x.chunks(TASK * pixels))
            .zip(d_y.chunks(TASK * places));
        each_of(tasks, |((d_x, x), d_y)| {
            vectorized(
                #[inline(always)]
                || {
                    let planes = d_x.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels));
                    for ((d_x, x), d_y) in planes.zip(d_y.chunks_exact(places)) {
                        self.backward_plane(x, d_y, d_x);
                    }
                },
            );
        });
    }

    #[inline(always)]
    fn backward_plane<E: Real>(&self, x: &[E], d_y: &[E], d_x: &mut [E]) {
        let [height, width] = self.places;
        let share = self.share::<E>();
        for row in 0..height {
            let d_y = &d_y[row * width..][..width];
            if self.is_halving() {
                let [above, below] = self.two_rows(row, x);
                let (d_above, d_below) = d_x[2 * row * self.image[1]..].split_at_mut(self.image[1]);
                let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
                let d_pairs = d_above.chunks_exact_mut(2).zip(d_below.chunks_exact_mut(2));
                for ((&g, (a, b)), (d_a, d_b)) in d_y.iter().zip(pairs).zip(d_pairs) {
                    let [d0, d1, d2, d3] = match self.pool {
                        Pool::Max => to_first_largest(g, [a[0], a[1], b[0], b[1]]),
                        Pool::Avg => [g * share; 4],
                    };
                    d_a[0] += d0;
                    d_a[1] += d1;
                    d_b[0] += d2;
                    d_b[1] += d3;
                }
                continue;
            }
            for (column, &g) in d_y.iter().enumerate() {
                let place = [row, column];
                match self.pool {
                    Pool::Max => {
                        if let Some(pixel) = self.largest(place, x).0 {
                            d_x[pixel] += g;
                        }
                    }
                    Pool::Avg => self.each_pixel(place, |pixel| d_x[pixel] += g * share),
                }
            }
        }
    }
}

/// Whether `b` takes the place of `a` as the largest: the first of two equal ones stays, NaN wins.
/// (Without branches, so that it can be done for a vector.)
#[inline(always)]
#[allow(clippy::eq_op)]
fn better<E: Real>(a: E, b: E) -> bool {
    (b > a) | (b != b)
}

/// The larger of two.
#[inline(always)]
fn larger<E: Real>(a: E, b: E) -> E {
    if better(a, b) { b } else { a }
}

/// `g` at the largest of four elements, 0 at the others.
#[inline(always)]
fn to_first_largest<E: Real>(g: E, x: [E; 4]) -> [E; 4] {
    let (upper, lower) = (better(x[0], x[1]), better(x[2], x[3]));
    let below = better(larger(x[0], x[1]), larger(x[2], x[3]));
    let at = |is: bool| if is { g } else { E::default() };
    [
        at(!below & !upper),
        at(!below & upper),
        at(below & !lower),
        at(below & lower),
    ]
}

/// The mean of each plane.
pub(super) fn global_average<E: Real>(x: &[E], pixels: usize) -> Vec<E> {
    let count = E::narrow(pixels as f64);
    let mut y = vec![E::default(); x.len() / pixels];
    let tasks = y.chunks_mut(PLANES).zip(x.chunks(PLANES * pixels));
    each_of(tasks, |(y, x)| {
        for (y, plane) in y.iter_mut().zip(x.chunks_exact(pixels)) {
            let lanes = plane
                .chunks(16)
                .fold([E::default(); 16], |mut lanes, block| {
                    lanes.iter_mut().zip(block).for_each(|(l, x)| *l += *x);
                    lanes
                });
            *y = lanes.into_iter().fold(E::default(), |sum, x| sum + x) / count;
        }
    });
    y
}

/// Adds the gradient of `x` to `d_x`.
pub(super) fn global_average_backward<E: Real>(d_y: &[E], pixels: usize, d_x: &mut [E]) {
    let count = E::narrow(pixels as f64);
    let tasks = d_x.chunks_mut(PLANES * pixels).zip(d_y.chunks(PLANES));
    each_of(tasks, |(d_x, d_y)| {
        for (plane, &g) in d_x.chunks_exact_mut(pixels).zip(d_y) {
            plane.iter_mut().for_each(|d| *d += g / count);
        }
    });
}
