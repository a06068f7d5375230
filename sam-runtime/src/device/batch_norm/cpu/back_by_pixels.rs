//! The way back through a normalization of images that lie by pixels, line by line.

use super::{
    back::{Back, Cut, Incoming},
    line::write_pixels,
    moments::PlaneMoments,
    pixels::{fold, line, spread},
};
use crate::device::cpu::{
    dims::Dims,
    order::Order,
    relu::{floor, pass},
    simd::Real,
};

/// What the channels' sums take: the mean, and, where that tells where ReLU cut off, the normalization.
pub(in crate::device) struct Lines<E> {
    dims: Dims,
    mean: Vec<E>,
    /// Mean, factor, bias.
    cut: Option<[Vec<E>; 3]>,
}

impl<E: Real> Lines<E> {
    /// `None` where images lie by planes.
    pub(in crate::device) fn new(dims: Dims, mean: &[E], cut: Cut<'_, E>) -> Option<Self> {
        (dims.order == Order::Pixels).then(|| Self {
            dims,
            mean: spread(dims, mean),
            cut: match cut {
                Cut::ByInput(line) => Some(line.spread(dims)),
                _ => None,
            },
        })
    }

    /// The normalization and ReLU of a sample.
    ///
    /// # Panics
    /// If these lines have no normalization.
    #[inline(always)]
    pub(in crate::device) fn write(&self, x: &[E], y: &mut [E]) {
        let lines = self.cut.as_ref().expect("lines of a normalization");
        write_pixels(
            lines.each_ref().map(Vec::as_slice),
            x,
            None,
            floor(true),
            y,
            #[inline(always)]
            |y, x| *y = x,
        );
    }

    /// For each channel of a sample, the sums of the gradient and of its products with the distance of `x` from the mean.
    #[inline(always)]
    pub(in crate::device) fn sums(
        &self,
        incoming: Incoming<'_, E>,
        x: &[E],
        sums: &mut [PlaneMoments<E>],
    ) {
        fold(
            self.dims,
            sums,
            #[inline(always)]
            |start, sums, products| {
                let len = sums.len();
                let (mean, products) = (&self.mean[..len], &mut products[..len]);
                self.line(
                    incoming,
                    x,
                    (start, len),
                    #[inline(always)]
                    |i, g, x| {
                        sums[i] += g;
                        products[i] += g * (x - mean[i]);
                    },
                );
            },
        );
    }

    /// Adds what comes back past ReLU to the gradient `d` of a sample.
    #[inline(always)]
    pub(super) fn add(&self, incoming: Incoming<'_, E>, x: &[E], d: &mut [E]) {
        let (len, all) = (line(self.dims), d.len());
        for start in (0..all).step_by(len) {
            let len = len.min(all - start);
            let d = &mut d[start..][..len];
            self.line(
                incoming,
                x,
                (start, len),
                #[inline(always)]
                |i, g, _| d[i] += g,
            );
        }
    }

    /// Calls `f` for each element of a line, with what comes back past ReLU, and with that of `x`.
    #[inline(always)]
    fn line(
        &self,
        incoming: Incoming<'_, E>,
        x: &[E],
        (start, len): (usize, usize),
        mut f: impl FnMut(usize, E, E),
    ) {
        let (x, g) = (&x[start..][..len], &incoming.gradient[start..][..len]);
        match (incoming.cut, &self.cut) {
            (Cut::ByOutput(y), _) => {
                let y = &y[start..][..len];
                for i in 0..len {
                    f(i, pass(g[i], y[i]), x[i]);
                }
            }
            (_, Some([mean, factor, bias])) => {
                let (mean, factor, bias) = (&mean[..len], &factor[..len], &bias[..len]);
                for i in 0..len {
                    let y = factor[i] * (x[i] - mean[i]) + bias[i];
                    f(i, pass(g[i], y), x[i]);
                }
            }
            _ => {
                for i in 0..len {
                    f(i, g[i], x[i]);
                }
            }
        }
    }
}

/// [`Back`], as lines.
pub(in crate::device) struct BackLines<E> {
    lines: Lines<E>,
    along: Vec<E>,
    moments: Option<[Vec<E>; 2]>,
}

impl<E: Real> BackLines<E> {
    /// `None` where images lie by planes.
    pub(in crate::device) fn new(dims: Dims, back: &Back<E>, cut: Cut<'_, E>) -> Option<Self> {
        let moments = back.moments.as_ref();
        Lines::new(dims, &back.mean, cut).map(|lines| Self {
            lines,
            along: spread(dims, &back.along),
            moments: moments.map(|moments| moments.each_ref().map(|part| spread(dims, part))),
        })
    }

    /// Has `write` write the gradient of each element of a sample.
    #[inline(always)]
    pub(in crate::device) fn each(
        &self,
        x: &[E],
        incoming: Incoming<'_, E>,
        to: &mut [E],
        write: impl Fn(&mut E, E),
    ) {
        let (len, all) = (line(self.lines.dims), to.len());
        for start in (0..all).step_by(len) {
            let len = len.min(all - start);
            let (to, along) = (&mut to[start..][..len], &self.along[..len]);
            let here = (start, len);
            match &self.moments {
                None => self.lines.line(
                    incoming,
                    x,
                    here,
                    #[inline(always)]
                    |i, g, _| write(&mut to[i], along[i] * g),
                ),
                Some([across, shift]) => {
                    let mean = &self.lines.mean[..len];
                    let (across, shift) = (&across[..len], &shift[..len]);
                    self.lines.line(
                        incoming,
                        x,
                        here,
                        #[inline(always)]
                        |i, g, x| {
                            let through = across[i] * (x - mean[i]) + shift[i];
                            write(&mut to[i], along[i] * g + through);
                        },
                    );
                }
            }
        }
    }
}
