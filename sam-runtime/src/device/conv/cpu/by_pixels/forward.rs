//! The convolution itself.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::{
    kernel::{HIGHEST, Pieces, by_columns, product},
    padded::Padded,
};
use crate::device::{
    batch_norm::cpu::{PlaneMoments, moments_of_samples},
    conv::cpu::{
        ends::{Input, Memory},
        geometry::Conv,
    },
    cpu::{
        buffer::{Aligned, written},
        simd::Real,
        tasks::counted,
    },
};

/// The convolution of `x` with `weight`; and the moments of each channel of each sample, if there is room for them.
pub(in crate::device::conv::cpu) fn forward<E: Real>(
    conv: &Conv,
    x: Input<'_, E>,
    weight: &[E],
    moments: &mut [PlaneMoments<E>],
) -> Vec<E> {
    let [from, to] = [conv.inputs * conv.pixels(), conv.outputs * conv.positions()];
    let kernels = &by_taps(conv, weight);
    let mut of_task = moments.chunks_mut(conv.outputs);
    let tasks: Vec<_> = (0..conv.batch)
        .map(|n| (n * from, of_task.next().unwrap_or_default()))
        .collect();
    // SAFETY: a task writes all channels of all places of its sample.
    unsafe {
        written(conv.batch * to, |z| {
            counted(z.chunks_mut(to).zip(tasks), |(z, (start, moments))| {
                Arch::new().dispatch(Sample {
                    conv,
                    kernels,
                    padded: padded_input(conv),
                    x: (x, start),
                    z,
                    moments,
                })
            })
        })
    }
}

/// Room for a sample with its padding.
pub(super) fn padded_input<E: Real>(conv: &Conv) -> Padded<E> {
    let overhang = HIGHEST * (conv.window.stride * conv.inputs + 1);
    Padded::new(conv.image, conv.inputs, [conv.window.padding; 2], overhang)
}

/// Where the pieces of a padded input begin that a window covers: its rows, or, if there are gaps in them, its taps; and how
/// many elements each of them has.
pub(super) fn pieces(conv: &Conv, line: usize) -> (Vec<usize>, usize) {
    let (size, dilation) = (conv.window.size, conv.window.dilation);
    let pixel = |y: usize, x: usize| (y * line + x) * dilation * conv.inputs;
    if dilation == 1 {
        return ((0..size).map(|y| pixel(y, 0)).collect(), size * conv.inputs);
    }
    let taps = (0..size).flat_map(|y| (0..size).map(move |x| (y, x)));
    (taps.map(|(y, x)| pixel(y, x)).collect(), conv.inputs)
}

/// The weight, (outputs, inputs, taps), as (taps, inputs, outputs).
fn by_taps<E: Real>(conv: &Conv, weight: &[E]) -> Aligned<E> {
    let area = conv.window.size * conv.window.size;
    let mut kernels = Aligned::any(weight.len());
    for (o, weight) in weight.chunks_exact(conv.taps().max(1)).enumerate() {
        for (input, weight) in weight.chunks_exact(area).enumerate() {
            for (tap, &w) in weight.iter().enumerate() {
                kernels[(tap * conv.inputs + input) * conv.outputs + o] = w;
            }
        }
    }
    kernels
}

struct Sample<'a, E> {
    conv: &'a Conv,
    kernels: &'a [E],
    padded: Padded<E>,
    /// The input, and where the sample begins.
    x: (Input<'a, E>, usize),
    z: &'a mut [MaybeUninit<E>],
    moments: &'a mut [PlaneMoments<E>],
}

impl<E: Real> WithSimd for Sample<'_, E> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let Self {
            conv,
            kernels,
            mut padded,
            x: (x, start),
            z,
            moments,
        } = self;
        let mut memory = Memory::default();
        let x = x.part(start, conv.inputs * conv.pixels(), &mut memory);
        padded.fill(conv.orders[0], x);
        let (stride, lanes) = (conv.window.stride, E::lanes::<S>());
        let [height, width] = conv.places;
        let (starts, len) = pieces(conv, padded.line);
        assert!(conv.outputs.is_multiple_of(lanes) && z.len() == conv.outputs * conv.positions());
        assert!(starts.len() * len * conv.outputs <= kernels.len());
        let first = padded.elements.as_ptr();
        let step = stride * conv.inputs;
        for y in 0..height {
            let row = y * stride * padded.line * conv.inputs;
            by_columns!(S, conv.outputs, lanes, |column, HIGH, WIDE| {
                for x in (0..width).step_by(HIGH) {
                    let left = Pieces {
                        first: first.wrapping_add(row + x * step),
                        step,
                        starts: &starts,
                        len,
                    };
                    let right = (kernels.as_ptr().wrapping_add(column), conv.outputs);
                    // SAFETY: what a window covers is in the padded image, and behind its last row there is room for the
                    // places of a block that are not the image's; kernels are whole vectors, as are the channels of `z`.
                    unsafe {
                        let sums = product::<S, E, HIGH, WIDE>(simd, left, right);
                        for (i, sums) in sums.iter().enumerate().take(width - x) {
                            let z = z.as_mut_ptr().cast::<E>();
                            let z = z.add((y * width + x + i) * conv.outputs + column);
                            for (v, &sum) in sums.iter().enumerate() {
                                E::store(z.add(v * lanes), sum);
                            }
                        }
                    }
                }
            });
        }
        // SAFETY: all of it was just written.
        moments_of_samples(conv.output(), unsafe { z.assume_init_ref() }, moments);
        z.len()
    }
}
