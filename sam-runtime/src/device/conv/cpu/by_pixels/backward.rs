//! The gradients of a convolution.
#![allow(unsafe_code)]

use std::{mem::MaybeUninit, ops::Range};

use pulp::{Arch, Simd, WithSimd};

use super::{
    forward::{padded_input, pieces},
    kernel::{HIGHEST, Pieces, Places, add_over_places, by_columns, product},
    padded::Padded,
};
use crate::device::{
    conv::cpu::{
        backward::{OutputGradient, in_parts, partial_sums},
        ends::{Input, Memory, Target},
        geometry::Conv,
    },
    cpu::{
        buffer::Aligned,
        order::{BLOCK, Order},
        simd::Real,
    },
};

/// Adds the gradients of the weight, and of the input if it is wanted, to what is there. `gradient` gives that of the
/// output.
pub(in crate::device::conv::cpu) fn backward<E: Real>(
    conv: &Conv,
    x: Input<'_, E>,
    weight: &[E],
    gradient: &dyn OutputGradient<E>,
    d_weight: &mut [E],
    d_x: Option<Target<'_, E>>,
) {
    let phases = d_x.is_some().then(|| Phases::new(conv, weight));
    let part = conv.batch.div_ceil(partial_sums(d_weight.len()));
    in_parts(conv, part, d_x, d_weight, |samples, d_x, d_weight| {
        Arch::new().dispatch(Part {
            conv,
            phases: phases.as_ref(),
            gradient,
            samples,
            x,
            d_x,
            d_weight,
        });
    });
}

/// The ways back to the pixels, which differ by where between two windows a pixel lies.
struct Phases<E> {
    phases: Vec<Phase<E>>,
    /// Rows and columns of zeros around the output's gradient.
    border: usize,
    /// Input channels, in whole blocks.
    row: usize,
}

struct Phase<E> {
    /// Where, in the padded image.
    at: [usize; 2],
    /// How many rows and columns before a pixel's own the places are that it belongs to.
    back: Vec<[usize; 2]>,
    /// For each of them, the weights of each output channel, as vectors of input channels.
    kernels: Aligned<E>,
}

impl<E: Real> Phases<E> {
    fn new(conv: &Conv, weight: &[E]) -> Self {
        let window = conv.window;
        let (area, row) = (window.size.pow(2), conv.inputs.next_multiple_of(BLOCK));
        let mut phases = Vec::new();
        for at in (0..window.stride.pow(2)).map(|i| [i / window.stride, i % window.stride]) {
            let taps = (0..area).map(|tap| (tap, [tap / window.size, tap % window.size]));
            let taps: Vec<_> = taps
                .map(|(tap, place)| (tap, place.map(|side| side * window.dilation)))
                .filter(|(_, place)| place.map(|side| side % window.stride) == at)
                .collect();
            let mut kernels = Aligned::zeros(taps.len() * conv.outputs * row);
            for (i, (tap, _)) in taps.iter().enumerate() {
                for o in 0..conv.outputs {
                    for input in 0..conv.inputs {
                        kernels[(i * conv.outputs + o) * row + input] =
                            weight[(o * conv.inputs + input) * area + tap];
                    }
                }
            }
            let back = taps
                .iter()
                .map(|(_, place)| place.map(|side| side / window.stride));
            phases.push(Phase {
                at,
                back: back.collect(),
                kernels,
            });
        }
        Self {
            phases,
            border: window.dilation * (window.size - 1) / window.stride,
            row,
        }
    }
}

/// Some samples, and their part of the weight's gradient.
struct Part<'a, E> {
    conv: &'a Conv,
    phases: Option<&'a Phases<E>>,
    /// Writes that of a sample of the output.
    gradient: &'a dyn OutputGradient<E>,
    samples: Range<usize>,
    x: Input<'a, E>,
    d_x: Option<Target<'a, E>>,
    d_weight: &'a mut [E],
}

impl<E: Real> WithSimd for Part<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let conv = self.conv;
        let sample = conv.inputs * conv.pixels();
        let mut padded = padded_input(conv);
        let mut d_y = Aligned::any(conv.outputs * conv.positions());
        // A few rows more, which blocks reach over.
        let mut sums = Aligned::zeros((conv.taps() + HIGHEST) * conv.outputs);
        let mut back = self.phases.map(|phases| Back::new(conv, phases));
        let (first, mut memory) = (self.samples.start, Memory::default());
        for n in self.samples.clone() {
            padded.fill(conv.orders[0], self.x.part(n * sample, sample, &mut memory));
            self.gradient.sample(n, &mut d_y);
            add_to_kernels(simd, conv, &padded, &d_y, &mut sums);
            if let (Some(back), Some(target)) = (&mut back, &mut self.d_x) {
                let here = n - first;
                let (d_x, add) = target.elements();
                back.run(simd, conv, &d_y, &mut d_x[here * sample..][..sample], add);
                // SAFETY: all rows of the sample were written.
                unsafe { target.finish(first, here..here + 1, [sample, conv.inputs]) };
            }
        }
        let area = conv.window.size.pow(2);
        let kernels = self.d_weight.chunks_exact_mut(area).enumerate();
        for (kernel, d_weight) in kernels {
            let (o, input) = (kernel / conv.inputs, kernel % conv.inputs);
            for (tap, d) in d_weight.iter_mut().enumerate() {
                *d += sums[(tap * conv.inputs + input) * conv.outputs + o];
            }
        }
    }
}

/// Adds a sample's part of the kernels' gradient, which lies as (taps, inputs, outputs).
#[inline(always)]
fn add_to_kernels<S: Simd, E: Real>(simd: S, conv: &Conv, x: &Padded<E>, d_y: &[E], to: &mut [E]) {
    let (lanes, stride) = (E::lanes::<S>(), conv.window.stride);
    let (starts, len) = pieces(conv, x.line);
    assert!(conv.outputs.is_multiple_of(lanes) && d_y.len() == conv.outputs * conv.positions());
    assert!((starts.len() * len + HIGHEST) * conv.outputs <= to.len());
    for (piece, start) in starts.iter().enumerate() {
        by_columns!(S, conv.outputs, lanes, |column, HIGH, WIDE| {
            for first in (0..len).step_by(HIGH) {
                let places = Places {
                    left: x.elements.as_ptr().wrapping_add(start + first),
                    steps: [x.line, 1].map(|pixels| pixels * stride * conv.inputs),
                    right: d_y.as_ptr().wrapping_add(column),
                    row: conv.outputs,
                    size: conv.places,
                };
                let to = to
                    .as_mut_ptr()
                    .wrapping_add((piece * len + first) * conv.outputs + column);
                // SAFETY: the elements of all windows are in the padded image, and behind it there is room for those of a
                // block that are not the piece's; there are rows of vectors for all of them.
                unsafe {
                    let mut sums = [[E::splat(simd, E::default()); WIDE]; HIGH];
                    add_over_places::<S, E, HIGH, WIDE>(simd, places, &mut sums);
                    for (i, sums) in sums.iter().enumerate().take(len - first) {
                        for (v, &sum) in sums.iter().enumerate() {
                            let to = to.add(i * conv.outputs + v * lanes);
                            E::store(to, E::plus(simd, E::load::<S>(to), sum));
                        }
                    }
                }
            }
        });
    }
}

/// The way back to the input, and memory for it.
struct Back<'a, E> {
    phases: &'a Phases<E>,
    d_y: Padded<E>,
    /// The gradient of a row of pixels, as vectors of channels.
    row: Aligned<E>,
}

impl<'a, E: Real> Back<'a, E> {
    fn new(conv: &Conv, phases: &'a Phases<E>) -> Self {
        // Rows of the padded image that no window reaches have places behind the last one.
        let [below, beside] = [0, 1].map(|axis| {
            let padded = conv.image[axis] + 2 * conv.window.padding;
            padded
                .div_ceil(conv.window.stride)
                .saturating_sub(conv.places[axis])
        });
        let border = [below, beside].map(|after| phases.border.max(after));
        let overhang = (HIGHEST + 1) * conv.outputs;
        Self {
            phases,
            d_y: Padded::new(conv.places, conv.outputs, border, overhang),
            row: Aligned::any(conv.image[1] * phases.row),
        }
    }

    /// Writes the gradient of a sample, or adds it to elements.
    #[inline(always)]
    fn run<S: Simd>(
        &mut self,
        simd: S,
        conv: &Conv,
        d_y: &[E],
        d_x: &mut [MaybeUninit<E>],
        add: bool,
    ) {
        self.d_y.fill(Order::Pixels, d_y);
        for y in 0..conv.image[0] {
            self.row.fill(E::default());
            for phase in &self.phases.phases {
                if (y + conv.window.padding) % conv.window.stride == phase.at[0] {
                    self.row_of_phase(simd, conv, phase, y);
                }
            }
            self.end_row(conv, y, d_x, add);
        }
    }

    /// The gradient of what a phase has in row `y` of the image.
    #[inline(always)]
    fn row_of_phase<S: Simd>(&mut self, simd: S, conv: &Conv, phase: &Phase<E>, y: usize) {
        let (lanes, stride, padding) = (E::lanes::<S>(), conv.window.stride, conv.window.padding);
        let (border, line, row) = (self.d_y.border, self.d_y.line, self.phases.row);
        // The first column of the image that is the phase's, and the place that begins there.
        let first = (phase.at[1] + stride * padding - padding) % stride;
        let Some(count) = conv.image[1].checked_sub(first) else {
            return;
        };
        let count = count.div_ceil(stride);
        let [top, left] = [(y + padding) / stride, (first + padding) / stride];
        let place = |[up, before]: [usize; 2]| {
            ((border[0] + top - up) * line + border[1] + left - before) * conv.outputs
        };
        let starts: Vec<_> = phase.back.iter().map(|back| place(*back)).collect();
        assert!(row.is_multiple_of(lanes));
        let d_y = self.d_y.elements.as_ptr();
        by_columns!(S, row, lanes, |column, HIGH, WIDE| {
            for x in (0..count).step_by(HIGH) {
                let pieces = Pieces {
                    first: d_y.wrapping_add(x * conv.outputs),
                    step: conv.outputs,
                    starts: &starts,
                    len: conv.outputs,
                };
                let right = (phase.kernels.as_ptr().wrapping_add(column), row);
                // SAFETY: all places are within the borders, and behind them there is room for those of a block that are
                // not the row's, of which nothing is stored.
                unsafe {
                    let sums = product::<S, E, HIGH, WIDE>(simd, pieces, right);
                    for (i, sums) in sums.iter().enumerate().take(count - x) {
                        let pixel = first + (x + i) * stride;
                        let to = self.row.as_mut_ptr().add(pixel * row + column);
                        for (v, &sum) in sums.iter().enumerate() {
                            E::store(to.add(v * lanes), sum);
                        }
                    }
                }
            }
        });
    }

    /// Writes the row to the gradient of the sample, in its order, or adds it to elements there.
    #[inline(always)]
    fn end_row(&self, conv: &Conv, y: usize, d_x: &mut [MaybeUninit<E>], add: bool) {
        let ([height, width], channels) = (conv.image, conv.inputs);
        let pixels = self.row.chunks_exact(self.phases.row).take(width);
        let end = |to: &mut MaybeUninit<E>, d: E| {
            // SAFETY: where it is added, there is an element.
            let before = if add {
                unsafe { to.assume_init() }
            } else {
                E::default()
            };
            to.write(before + d);
        };
        match conv.orders[0] {
            Order::Pixels => {
                let d_x = &mut d_x[y * width * channels..][..width * channels];
                for (d_x, pixel) in d_x.chunks_exact_mut(channels).zip(pixels) {
                    d_x.iter_mut().zip(pixel).for_each(|(to, d)| end(to, *d));
                }
            }
            Order::Planes => {
                for (x, pixel) in pixels.enumerate() {
                    for (channel, d) in pixel.iter().enumerate().take(channels) {
                        end(&mut d_x[(channel * height + y) * width + x], *d);
                    }
                }
            }
        }
    }
}
