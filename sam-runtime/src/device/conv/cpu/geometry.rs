//! Where things lie: the sizes of a convolution, and how images are laid out so that it becomes one
//! matrix product without copying a pixel more than once.
//!
//! The images of a few samples are copied with their padding into *planes*, one for each channel: rows
//! of a common pitch, sample under sample. If a window's upper left tap lies at some place of a plane,
//! its other taps lie at distances that are the same for every window. So each tap of each channel is
//! a long vector (the plane, from the tap's distance on), and the convolution is the product of the
//! weight matrix with these vectors: the im2col matrix, never written. Between rows and samples some
//! places belong to no window; they are computed and thrown away.
//!
//! With a stride of `s`, a channel has `s * s` planes: its rows and columns, dealt out in turn. In each
//! of them the windows move by one again.

use super::ways::Ways;
use crate::device::{
    Window,
    cpu::{dims::Dims, order::Order},
};

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::device) struct Conv {
    pub(in crate::device) batch: usize,
    /// Channels: in, and out.
    pub(in crate::device) inputs: usize,
    pub(in crate::device) outputs: usize,
    pub(in crate::device) groups: usize,
    /// Height and width of the input, and of the output.
    pub(in crate::device) image: [usize; 2],
    pub(in crate::device) places: [usize; 2],
    pub(in crate::device) window: Window,
    /// In which order the input lies, and the output.
    pub(in crate::device) orders: [Order; 2],
    /// How it is computed.
    pub(super) ways: Ways,
}

impl Conv {
    /// `None` if the sizes do not fit together.
    pub(in crate::device) fn new(
        x: [usize; 4],
        weight: [usize; 4],
        window: Window,
        groups: usize,
    ) -> Option<Self> {
        let [batch, inputs, height, width] = x;
        let [outputs, per_group, k, k2] = weight;
        let fits = groups > 0
            && outputs.is_multiple_of(groups)
            && per_group.checked_mul(groups) == Some(inputs)
            && (k, k2) == (window.size, window.size);
        fits.then_some(())?;
        // Planes must be countable.
        let channels = inputs
            .max(outputs)
            .checked_mul(window.stride.checked_pow(2)?)?;
        let mut elements = channels.checked_mul(batch.checked_add(64)?)?;
        for side in [height, width] {
            let padded = window.padding.checked_mul(2)?.checked_add(side)?;
            elements = elements.checked_mul(padded.checked_add(window.stride)?)?;
        }
        (elements < isize::MAX as usize / 64).then_some(())?;
        Some(Self {
            batch,
            inputs,
            outputs,
            groups,
            image: [height, width],
            places: [window.places(height)?, window.places(width)?],
            window,
            orders: Default::default(),
            ways: Ways::default(),
        })
    }

    /// The input, channel by channel.
    pub(in crate::device) fn input(&self) -> Dims {
        Dims {
            batch: self.batch,
            channels: self.inputs,
            positions: self.pixels(),
            order: self.orders[0],
        }
    }

    /// The output, channel by channel.
    pub(in crate::device) fn output(&self) -> Dims {
        Dims {
            batch: self.batch,
            channels: self.outputs,
            positions: self.positions(),
            order: self.orders[1],
        }
    }

    /// Input channels of a group.
    pub(super) fn group_inputs(&self) -> usize {
        self.inputs / self.groups
    }

    /// Output channels of a group.
    pub(super) fn group_outputs(&self) -> usize {
        self.outputs / self.groups
    }

    /// Taps of a window over the channels of a group: the columns of the weight matrix.
    pub(super) fn taps(&self) -> usize {
        self.group_inputs() * self.window.size * self.window.size
    }

    pub(super) fn pixels(&self) -> usize {
        self.image[0] * self.image[1]
    }

    pub(super) fn positions(&self) -> usize {
        self.places[0] * self.places[1]
    }
}

/// Elements that the kernels may compute beyond the last place, to fill their vectors.
pub(super) const OVERHANG: usize = 64;

/// Elements of the longest vector.
const VECTOR: usize = 16;

/// About as many elements as the planes of one task may have: a part of the second-level cache.
const TASK: usize = 64 << 10;

/// Which places are computed, vector by vector.
pub(super) struct Vectors {
    starts: Vec<usize>,
    halves: Option<usize>,
    /// Whether they are the convolution's places and no others, in their order.
    pub(super) rows_are_whole: bool,
}

impl Vectors {
    pub(super) fn all(&self) -> Places<'_> {
        Places {
            starts: &self.starts,
            halves: self.halves,
        }
    }

    /// Those of each of `samples` samples, if rows are whole.
    pub(super) fn of_samples(&self, samples: usize) -> impl Iterator<Item = Places<'_>> {
        let starts = self.starts.chunks_exact(self.starts.len() / samples);
        starts.map(|starts| Places {
            starts,
            halves: self.halves,
        })
    }
}

/// Vectors of places.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// Where they begin in a plane.
    pub(super) starts: &'a [usize],
    /// If a vector is two short rows, how far the second one is from the first.
    pub(super) halves: Option<usize>,
}

/// How the planes of a convolution are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Samples that lie in a plane.
    pub(super) samples: usize,
    /// Rows from one sample to the next.
    pub(super) rows: usize,
    /// Elements from one row to the next.
    pub(super) pitch: usize,
    /// Elements of an input plane, and of an output plane.
    pub(super) input_plane: usize,
    pub(super) output_plane: usize,
    /// Where the output of the first place lies in an output plane: behind the zeros above and left of it
    /// that the way back reads, at the start of a vector.
    pub(super) output_start: usize,
    border: usize,
    /// Where the way back counts its places from: the padding, if the stride is 1.
    origin: usize,
}

impl Layout {
    pub(super) fn new(conv: &Conv) -> Self {
        let Window {
            size,
            stride,
            padding,
            dilation,
        } = conv.window;
        // The farthest tap, in places of its plane.
        let reach = dilation * (size - 1) / stride;
        let origin = if stride == 1 { padding } else { 0 };
        let border = reach.saturating_sub(origin);
        let side = |image: usize, places: usize| {
            let own = if stride == 1 {
                // The padding below one sample is the padding above the next.
                (image + padding).max(image)
            } else {
                (image + 2 * padding).div_ceil(stride)
            };
            own.max(places + border)
        };
        let [rows, pitch] = [0, 1].map(|axis| side(conv.image[axis], conv.places[axis]));
        let planes = (conv.inputs * stride * stride).max(conv.outputs);
        // Enough tasks for many threads; full planes for small images.
        let samples = (TASK / (planes * rows * pitch).max(1))
            .clamp(1, 16)
            .min(conv.batch.div_ceil(8).max(1));
        let places = samples * rows * pitch + OVERHANG;
        let output_start = (border * (pitch + 1)).next_multiple_of(VECTOR);
        let output_plane = output_start + places + origin * (pitch + 1);
        Self {
            samples,
            rows,
            pitch,
            input_plane: places + reach * (pitch + 1),
            output_plane: output_plane.next_multiple_of(VECTOR),
            output_start,
            border,
            origin,
        }
    }

    /// The vectors of `lanes` places that cover `samples` samples of `places`, if these are the first places
    /// of each: row by row, if rows are made of whole vectors, or two of them are one; else, one after the
    /// other, with what lies between the rows.
    pub(super) fn vectors(
        &self,
        samples: usize,
        places: Option<[usize; 2]>,
        lanes: usize,
    ) -> Vectors {
        let rows = |step: usize, [height, width]: [usize; 2]| {
            let rows = (0..samples).flat_map(|n| (0..height).step_by(step).map(move |y| (n, y)));
            rows.flat_map(|(n, y)| (0..width).step_by(lanes).map(move |x| self.row(n, y) + x))
                .collect()
        };
        match places {
            Some(places) if places[1].is_multiple_of(lanes) => Vectors {
                starts: rows(1, places),
                rows_are_whole: true,
                halves: None,
            },
            Some(places) if places[1] * 2 == lanes && places[0].is_multiple_of(2) => Vectors {
                starts: rows(2, places),
                rows_are_whole: true,
                halves: Some(self.pitch),
            },
            _ => Vectors {
                starts: (0..samples * self.rows * self.pitch)
                    .step_by(lanes)
                    .collect(),
                rows_are_whole: false,
                halves: None,
            },
        }
    }

    /// Where row `y` of sample `n` begins among the places.
    pub(super) fn row(&self, n: usize, y: usize) -> usize {
        (n * self.rows + y) * self.pitch
    }

    /// Where each tap's vector begins in the input planes of a group, in the weight's order: channel,
    /// row, column.
    pub(super) fn taps(&self, conv: &Conv) -> Vec<usize> {
        let Window {
            size,
            stride,
            dilation,
            ..
        } = conv.window;
        let mut taps = Vec::with_capacity(conv.taps());
        for channel in 0..conv.group_inputs() {
            for (ky, kx) in (0..size).flat_map(|ky| (0..size).map(move |kx| (ky, kx))) {
                let (y, x) = (ky * dilation, kx * dilation);
                let plane = (channel * stride + y % stride) * stride + x % stride;
                taps.push(plane * self.input_plane + y / stride * self.pitch + x / stride);
            }
        }
        taps
    }

    /// For the way back to the input plane of `phase`: which taps of the window reach it, and where in
    /// an output plane the vector of each begins.
    pub(super) fn back_taps(&self, conv: &Conv, phase: [usize; 2]) -> Vec<(usize, usize)> {
        let Window {
            size,
            stride,
            dilation,
            ..
        } = conv.window;
        let mut taps = Vec::new();
        for (ky, kx) in (0..size).flat_map(|ky| (0..size).map(move |kx| (ky, kx))) {
            let (y, x) = (ky * dilation, kx * dilation);
            if [y % stride, x % stride] == phase {
                // Not negative: no tap is farther than border + origin.
                let far = self.border + self.origin;
                let (up, left) = (far - y / stride, far - x / stride);
                let start = self.output_start - self.border * (self.pitch + 1);
                taps.push((ky * size + kx, start + up * self.pitch + left));
            }
        }
        taps
    }
}
