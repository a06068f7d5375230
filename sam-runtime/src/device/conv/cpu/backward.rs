//! The gradients of a convolution.
#![allow(unsafe_code)]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::{
    by_pixels,
    ends::{Input, Target},
    geometry::{Conv, Layout, OVERHANG, Places},
    kernel::{self, Rows},
    planes,
    ways::Way,
    winograd,
};
use crate::device::cpu::{
    buffer::{Aligned, as_uninit},
    order::Order,
    simd::Real,
    tasks::each_of,
};

/// Where the gradient of a convolution's output comes from, some places at a time.
pub(in crate::device) trait OutputGradient<E>: Sync {
    /// Writes that of channel `channel` of sample `n`, from place `first` on.
    fn write(&self, n: usize, channel: usize, first: usize, to: &mut [E]);

    /// Writes all of sample `n`, where outputs lie by pixels.
    fn sample(&self, n: usize, to: &mut [E]);
}

/// At most so many partial sums of the weight's gradient; a number that does not depend on how many
/// threads there are, so that the gradient does not either.
const PARTS: usize = 16;

/// About as many elements as all of them together may have.
const PARTIAL_SUMS: usize = 4 << 20;

/// The number of partial sums of the gradient of so many weights.
pub(super) fn partial_sums(weights: usize) -> usize {
    (PARTIAL_SUMS / weights.max(1)).clamp(2, PARTS)
}

/// Adds the gradients of the weight, and of the input if it is wanted, to what is there. `gradient`
/// gives that of the output.
pub(in crate::device) fn backward<E: Real>(
    conv: &Conv,
    x: Input<'_, E>,
    weight: &[E],
    gradient: &dyn OutputGradient<E>,
    d_weight: &mut [E],
    d_x: Option<Target<'_, E>>,
) {
    assert_eq!(x.len(), conv.batch * conv.inputs * conv.pixels());
    assert_eq!(weight.len(), conv.outputs * conv.taps());
    assert_eq!(d_weight.len(), weight.len());
    if conv.batch == 0 || conv.positions() == 0 || x.len() == 0 {
        return;
    }
    if conv.ways.backward == Way::Direct && conv.orders[1] == Order::Pixels {
        return by_pixels::backward(conv, x, weight, gradient, d_weight, d_x);
    }
    if conv.ways.backward != Way::Direct {
        let is_large = conv.ways.backward == Way::F4;
        return winograd::backward(conv, is_large, x, weight, gradient, d_weight, d_x);
    }
    let x = x.given();
    let layout = Layout::new(conv);
    let stride = conv.window.stride;
    let mut phases = Vec::new();
    if d_x.is_some() {
        for phase in (0..stride * stride).map(|i| [i / stride, i % stride]) {
            phases.push(Phase::new(conv, &layout, phase, weight));
        }
    }
    let shared = Shared {
        conv,
        layout: &layout,
        taps: &layout.taps(conv),
        phases: &phases,
        gradient,
    };
    let tasks = conv.batch.div_ceil(layout.samples);
    let parts = partial_sums(d_weight.len()).min(tasks);
    // Samples of a part: whole tasks.
    let part = tasks.div_ceil(parts) * layout.samples;
    let sample = conv.inputs * conv.pixels();
    in_parts(conv, part, d_x, d_weight, |samples, d_x, d_weight| {
        let d_x = d_x.map(|d_x| match d_x {
            Target::Added(d_x) => d_x,
            Target::Written(..) => unreachable!("results lie by pixels then"),
        });
        Arch::new().dispatch(Part {
            shared: &shared,
            first: samples.start,
            x: &x[samples.start * sample..samples.end * sample],
            d_x,
            d_weight,
        });
    });
}

/// Runs `run` for parts of a batch, each of so many samples, with that part of the input's gradient, and zeros for its part of
/// the weight's; these are added up in the order of the parts.
pub(super) fn in_parts<E: Real>(
    conv: &Conv,
    part: usize,
    d_x: Option<Target<'_, E>>,
    d_weight: &mut [E],
    run: impl Fn(Range<usize>, Option<Target<'_, E>>, &mut [E]) + Sync,
) {
    let len = d_weight.len();
    let sum = |i: usize, d_x: Option<Target<'_, E>>| {
        let mut sum = vec![E::default(); len];
        run(i * part..((i + 1) * part).min(conv.batch), d_x, &mut sum);
        sum
    };
    let sample = [conv.inputs * conv.pixels(), conv.inputs];
    let parts: Vec<_> = match d_x {
        Some(d_x) => {
            assert_eq!(d_x.len(), conv.batch * sample[0]);
            d_x.parts(part, sample).into_iter().map(Some).collect()
        }
        None => (0..conv.batch.div_ceil(part)).map(|_| None).collect(),
    };
    let mut sums: Vec<Vec<E>> = vec![Vec::new(); parts.len()];
    let parts = parts.into_iter().zip(&mut sums).enumerate();
    each_of(parts, |(i, (d_x, to))| *to = sum(i, d_x));
    // Some weights at a time, on all threads; each of them in the order of the parts.
    let some = len.div_ceil(PARTS).max(4096);
    each_of(d_weight.chunks_mut(some).enumerate(), |(i, to)| {
        for sum in &sums {
            let from = &sum[i * some..];
            to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
        }
    });
}

/// The way back to one of the input planes of each channel.
struct Phase<E> {
    phase: [usize; 2],
    /// For each group, the weights that reach the plane, packed: input channels x (output channel, tap).
    packed: Vec<Vec<E>>,
    /// Where the vectors of these begin in a group's output planes.
    taps: Vec<usize>,
}

impl<E: Real> Phase<E> {
    fn new(conv: &Conv, layout: &Layout, phase: [usize; 2], weight: &[E]) -> Self {
        let window_taps = layout.back_taps(conv, phase);
        let taps = (0..conv.group_outputs())
            .flat_map(|o| {
                let plane = o * layout.output_plane;
                window_taps.iter().map(move |(_, start)| plane + start)
            })
            .collect();
        let area = conv.window.size * conv.window.size;
        let (inputs, outputs) = (conv.group_inputs(), conv.group_outputs());
        let mut packed = Vec::new();
        for group in weight.chunks_exact(outputs * inputs * area) {
            let element = |i: usize, column: usize| {
                let (o, (tap, _)) = (
                    column / window_taps.len(),
                    window_taps[column % window_taps.len()],
                );
                group[(o * inputs + i) * area + tap]
            };
            let mut panels = Vec::new();
            Arch::new().dispatch(Pack {
                sizes: [inputs, outputs * window_taps.len()],
                element,
                panels: &mut panels,
            });
            packed.push(panels);
        }
        Self {
            phase,
            packed,
            taps,
        }
    }
}

struct Pack<'a, E, F> {
    sizes: [usize; 2],
    element: F,
    panels: &'a mut Vec<E>,
}

impl<E: Real, F: Fn(usize, usize) -> E> WithSimd for Pack<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        kernel::pack(kernel::panel::<S>(), self.sizes, self.element, self.panels);
    }
}

/// What all parts of a way back share.
struct Shared<'a, E> {
    conv: &'a Conv,
    layout: &'a Layout,
    taps: &'a [usize],
    /// Empty if the input's gradient is not wanted.
    phases: &'a [Phase<E>],
    gradient: &'a dyn OutputGradient<E>,
}

/// Some samples, and their part of the weight's gradient.
struct Part<'a, E> {
    shared: &'a Shared<'a, E>,
    first: usize,
    x: &'a [E],
    d_x: Option<&'a mut [E]>,
    d_weight: &'a mut [E],
}

impl<E: Real> WithSimd for Part<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Shared { conv, layout, .. } = *self.shared;
        let sample = conv.inputs * conv.pixels();
        let zeros = Aligned::zeros;
        let mut x_planes = zeros(conv.inputs * conv.window.stride.pow(2) * layout.input_plane);
        let mut y_planes = zeros(conv.outputs * layout.output_plane);
        // Without what lies between rows and samples, if that makes whole vectors.
        let mut y_rows = zeros(conv.outputs * layout.samples * conv.positions());
        let product_row = layout.samples * layout.rows * layout.pitch + OVERHANG;
        let mut products = zeros(if self.d_x.is_some() {
            conv.group_inputs() * product_row
        } else {
            0
        });
        for (i, x) in self.x.chunks(layout.samples * sample).enumerate() {
            let samples = x.len() / sample;
            let first = self.first + i * layout.samples;
            if samples < layout.samples {
                // What the samples before have left there belongs to no place now.
                y_planes.fill(E::default());
            }
            planes::fill_input(conv, layout, x, &mut x_planes);
            let vectors = layout.vectors(samples, Some(conv.places), E::lanes::<S>());
            let gradient = self.shared.gradient;
            let rows = if vectors.rows_are_whole {
                let len = layout.samples * conv.positions();
                for (channel, row) in y_rows.chunks_exact_mut(len).enumerate() {
                    let to = row.chunks_exact_mut(conv.positions()).take(samples);
                    to.enumerate()
                        .for_each(|(n, to)| gradient.write(first + n, channel, 0, to));
                }
                if self.d_x.is_some() {
                    let row = |n, channel, y: usize, to: &mut [E]| {
                        let place = n * conv.positions() + y * conv.places[1];
                        to.copy_from_slice(&y_rows[channel * len + place..][..to.len()]);
                    };
                    planes::fill_output(conv, layout, samples, &mut y_planes, row);
                }
                Rows {
                    elements: &y_rows,
                    len,
                    count: conv.outputs,
                }
            } else {
                let row = |n, channel, y, to: &mut [E]| {
                    gradient.write(first + n, channel, y * conv.places[1], to);
                };
                planes::fill_output(conv, layout, samples, &mut y_planes, row);
                Rows {
                    elements: &y_planes[layout.output_start..],
                    len: layout.output_plane,
                    count: conv.outputs,
                }
            };
            self.weight(simd, rows, &x_planes, vectors.all());
            if let Some(d_x) = &mut self.d_x {
                let d_x = &mut d_x[i * layout.samples * sample..][..x.len()];
                self.shared
                    .input(simd, samples, &y_planes, (&mut products, product_row), d_x);
            }
        }
    }
}

impl<E: Real> Part<'_, E> {
    #[inline(always)]
    fn weight<S: Simd>(&mut self, simd: S, rows: Rows<'_, E>, x_planes: &[E], places: Places<'_>) {
        let Shared { conv, taps, .. } = *self.shared;
        let x_group = x_planes.len() / conv.groups;
        let weights = self.d_weight.len() / conv.groups;
        for group in 0..conv.groups {
            let first = group * conv.group_outputs();
            let rows = Rows {
                elements: &rows.elements[first * rows.len..],
                count: conv.group_outputs(),
                ..rows
            };
            let x_planes = &x_planes[group * x_group..][..x_group];
            let d_weight = &mut self.d_weight[group * weights..][..weights];
            kernel::product_of_rows(simd, rows, taps, x_planes, places, d_weight);
        }
    }
}

impl<E: Real> Shared<'_, E> {
    #[inline(always)]
    fn input<S: Simd>(
        &self,
        simd: S,
        samples: usize,
        y_planes: &[E],
        (products, product_row): (&mut [E], usize),
        d_x: &mut [E],
    ) {
        let (conv, layout) = (self.conv, self.layout);
        let y_group = y_planes.len() / conv.groups;
        let stride = conv.window.stride;
        // Without a stride, the way back is to the places of the input; else, to all of a phase.
        let places = (stride == 1).then_some(conv.image);
        let vectors = layout.vectors(samples, places, E::lanes::<S>());
        for phase in self.phases.iter().filter(|phase| !phase.taps.is_empty()) {
            for group in 0..conv.groups {
                let y_planes = &y_planes[group * y_group..][..y_group];
                let (packed, taps) = (&phase.packed[group], &phase.taps);
                let first = group * conv.group_inputs();
                let channels = first..first + conv.group_inputs();
                if vectors.rows_are_whole {
                    let pixels = conv.pixels();
                    let d_x = d_x.chunks_exact_mut(conv.inputs * pixels);
                    for (places, d_x) in vectors.of_samples(samples).zip(d_x) {
                        let target = kernel::Target {
                            // SAFETY: the product is made of elements.
                            to: unsafe { as_uninit(&mut d_x[first * pixels..]) },
                            row: pixels,
                            rows: conv.group_inputs(),
                            add: true,
                        };
                        // SAFETY: the gradient holds elements.
                        unsafe { kernel::product(simd, packed, taps, y_planes, places, target) };
                    }
                    continue;
                }
                let target = kernel::Target {
                    // SAFETY: the product is made of elements.
                    to: unsafe { as_uninit(products) },
                    row: product_row,
                    rows: conv.group_inputs(),
                    add: false,
                };
                // SAFETY: nothing is added.
                unsafe { kernel::product(simd, packed, taps, y_planes, vectors.all(), target) };
                let computed = (&*products, product_row);
                planes::add_to_input(conv, layout, computed, channels, phase.phase, d_x);
            }
        }
    }
}
