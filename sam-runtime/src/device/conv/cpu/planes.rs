//! Images into planes, and back.

use super::geometry::{Conv, Layout};
use crate::device::{Window, cpu::simd::Real};

/// Copies whole samples into input planes, whose padding is zero and is left so.
#[inline(always)]
pub(super) fn fill_input<E: Real>(conv: &Conv, layout: &Layout, samples: &[E], planes: &mut [E]) {
    let Window {
        stride, padding, ..
    } = conv.window;
    let width = conv.image[1];
    let images = samples.chunks_exact(conv.pixels());
    for (i, image) in images.enumerate() {
        let (n, channel) = (i / conv.inputs, i % conv.inputs);
        let first = channel * stride * stride * layout.input_plane;
        for (y, row) in image.chunks_exact(width).enumerate() {
            let u = y + padding;
            let start =
                layout.row(n, u / stride) + first + u % stride * stride * layout.input_plane;
            if stride == 1 {
                planes[start + padding..][..width].copy_from_slice(row);
            } else {
                for phase in 0..stride {
                    // The first column of this phase, and its place.
                    let first = (phase + stride * padding - padding) % stride;
                    let to = start + phase * layout.input_plane + (first + padding) / stride;
                    let columns = row.iter().skip(first).step_by(stride);
                    for (to, &pixel) in planes[to..].iter_mut().zip(columns) {
                        *to = pixel;
                    }
                }
            }
        }
    }
}

/// Adds what was computed for the input plane of `phase`, a row for each channel of `channels`, to
/// whole samples.
#[inline(always)]
pub(super) fn add_to_input<E: Real>(
    conv: &Conv,
    layout: &Layout,
    (computed, computed_row): (&[E], usize),
    channels: std::ops::Range<usize>,
    [phase_y, phase_x]: [usize; 2],
    samples: &mut [E],
) {
    let Window {
        stride, padding, ..
    } = conv.window;
    let width = conv.image[1];
    let images = samples.chunks_exact_mut(conv.pixels());
    for (i, image) in images.enumerate() {
        let (n, channel) = (i / conv.inputs, i % conv.inputs);
        if !channels.contains(&channel) {
            continue;
        }
        let computed = &computed[(channel - channels.start) * computed_row..][..computed_row];
        for (y, row) in image.chunks_exact_mut(width).enumerate() {
            if stride == 1 {
                let from = &computed[layout.row(n, y)..][..width];
                for (to, &from) in row.iter_mut().zip(from) {
                    *to += from;
                }
                continue;
            }
            let u = y + padding;
            if u % stride != phase_y {
                continue;
            }
            let from = &computed[layout.row(n, u / stride)..];
            // The first column of this phase.
            let first = (phase_x + stride * padding - padding) % stride;
            for (to, &from) in row[first.min(width)..]
                .iter_mut()
                .step_by(stride)
                .zip(&from[(first + padding) / stride..])
            {
                *to += from;
            }
        }
    }
}

/// Has `row(n, channel, y, to)` write each row of the output into output planes, which are zero
/// elsewhere and stay it.
#[inline(always)]
pub(super) fn fill_output<E: Real>(
    conv: &Conv,
    layout: &Layout,
    samples: usize,
    planes: &mut [E],
    row: impl Fn(usize, usize, usize, &mut [E]),
) {
    let [height, width] = conv.places;
    for (channel, plane) in planes.chunks_exact_mut(layout.output_plane).enumerate() {
        for n in 0..samples {
            for y in 0..height {
                let start = layout.output_start + layout.row(n, y);
                row(n, channel, y, &mut plane[start..][..width]);
            }
        }
    }
}
