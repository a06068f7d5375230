//! The gradients of a convolution.
#![allow(unsafe_code)]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::{
    forward::{Filter, Scratch, TILES, filtered, rows_at_once},
    fours::Fours,
    images::Images,
    kernels,
    lines::{Filtering, Winograd},
    products::{Kernels, multiply_transposed},
    single::{SINGLE, same, same_mut, single},
    tiles::{Band, Grid, Transformed},
    transform::transform,
};
use crate::device::{
    batch_norm::cpu::PlaneMoments,
    conv::cpu::{
        backward::{OutputGradient, in_parts, partial_sums},
        ends::{Input, Memory, Target},
        geometry::Conv,
    },
    cpu::{buffer::Aligned, order::Order, simd::Real},
};

/// Adds the gradients of the weight, and of the input if it is wanted, to what is there. `gradient` gives that of the
/// output.
pub(in crate::device::conv::cpu) fn backward<E: Real>(
    conv: &Conv,
    is_large: bool,
    x: Input<'_, E>,
    weight: &[E],
    gradient: &dyn OutputGradient<E>,
    d_weight: &mut [E],
    d_x: Option<Target<'_, E>>,
) {
    let finish = match &d_x {
        Some(Target::Written(.., finish)) => Some(*finish),
        _ => None,
    };
    let finished = |n: usize, sample: &mut [f32], sums: &mut [PlaneMoments<f32>]| {
        if let Some(finish) = finish {
            let sums = same_mut(sums).expect(SINGLE);
            finish(n, same_mut(sample).expect(SINGLE), sums);
        }
    };
    let d_x = d_x.map(|d_x| match d_x {
        Target::Added(d_x) => Target::Added(same_mut(d_x).expect(SINGLE)),
        Target::Written(d_x, sums, _) => {
            let sums = same_mut(sums).expect(SINGLE);
            Target::Written(same_mut(d_x).expect(SINGLE), sums, &finished)
        }
    });
    let way_back = WayBack {
        conv,
        x: single(x),
        weight: same(weight).expect(SINGLE),
        gradient: &|n, images, sample| {
            let sample = same_mut(sample).expect(SINGLE);
            match images.order {
                Order::Planes => {
                    let planes = sample.chunks_exact_mut(images.plane).enumerate();
                    let len = images.size[0] * images.size[1];
                    planes.for_each(|(channel, plane)| {
                        gradient.write(n, channel, 0, &mut plane[..len]);
                    });
                }
                Order::Pixels => gradient.sample(n, sample),
            }
        },
        d_weight: same_mut(d_weight).expect(SINGLE),
        d_x,
    };
    if is_large {
        way_back.run::<4, 6>();
    } else {
        way_back.run::<2, 4>();
    }
}

/// Has the gradient of a sample of the output written, as these images.
type Write<'a> = &'a (dyn Fn(usize, Images, &mut [f32]) + Sync);

struct WayBack<'a> {
    conv: &'a Conv,
    x: Input<'a, f32>,
    weight: &'a [f32],
    gradient: Write<'a>,
    d_weight: &'a mut [f32],
    d_x: Option<Target<'a, f32>>,
}

impl WayBack<'_> {
    fn run<const SIDE: usize, const POINTS: usize>(self)
    where
        Winograd: Filtering<SIDE, POINTS>,
    {
        let conv = self.conv;
        let sizes = [conv.outputs, conv.inputs];
        let turned = || kernels::transformed::<f32, SIDE, POINTS>(self.weight, sizes, true);
        let back = self.d_x.is_some().then(turned);
        let group = TILES.div_ceil(Grid::new(conv.places, SIDE).count());
        let parts = partial_sums(self.weight.len());
        let part = conv.batch.div_ceil(parts).next_multiple_of(group);
        let run = |samples: Range<usize>, d_x: Option<Target<'_, f32>>, d_weight: &mut [f32]| {
            Arch::new().dispatch(Part::<SIDE, POINTS> {
                conv,
                back: back.as_ref(),
                gradient: self.gradient,
                group,
                samples,
                x: self.x,
                d_x,
                d_weight,
            });
        };
        in_parts(conv, part, self.d_x, self.d_weight, run);
    }
}

/// Some samples, and their part of the weight's gradient.
struct Part<'a, const SIDE: usize, const POINTS: usize> {
    conv: &'a Conv,
    back: Option<&'a Kernels<f32>>,
    gradient: Write<'a>,
    /// Samples at once.
    group: usize,
    samples: Range<usize>,
    x: Input<'a, f32>,
    d_x: Option<Target<'a, f32>>,
    d_weight: &'a mut [f32],
}

impl<const SIDE: usize, const POINTS: usize> WithSimd for Part<'_, SIDE, POINTS>
where
    Winograd: Filtering<SIDE, POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if S::IS_SCALAR {
            unreachable!("ways are chosen by the vectors that there are");
        }
        let conv = self.conv;
        let lanes = f32::lanes::<S>();
        let Filter {
            from: x_images,
            to: y_images,
            padding,
        } = Filter::forward(conv);
        let d_y_images = match y_images.order {
            // A line of the cache more, or planes of a power of two would share its sets.
            Order::Planes => Images {
                plane: y_images.plane + 16,
                ..y_images
            },
            Order::Pixels => y_images,
        };
        let mut d_y = Aligned::any(self.group * d_y_images.sample());
        let back = Filter {
            from: d_y_images,
            to: x_images,
            padding: 2 - padding,
        };
        let mut scratch = self
            .d_x
            .is_some()
            .then(|| Scratch::new::<SIDE>(&back, lanes));
        let mut weight =
            WeightScratch::<f32, POINTS>::new::<SIDE>(x_images, y_images, padding, lanes);
        let (Range { start, end }, sample) = (self.samples.clone(), x_images.sample());
        let mut memory = Memory::default();
        for first in (start..end).step_by(self.group) {
            let samples = self.group.min(end - first);
            let x = self.x.part(first * sample, samples * sample, &mut memory);
            let d_y_samples = d_y.chunks_exact_mut(d_y_images.sample());
            for (n, d_y) in d_y_samples.enumerate().take(samples) {
                (self.gradient)(first + n, d_y_images, d_y);
            }
            if let (Some(target), Some(kernels), Some(scratch)) =
                (&mut self.d_x, self.back, &mut scratch)
            {
                let here = first - start;
                let (d_x, add) = target.elements();
                let d_x = &mut d_x[here * sample..][..samples * sample];
                let from = (samples, &*d_y);
                // SAFETY: where it is added, there are elements; then all of these samples are written.
                unsafe {
                    match add {
                        true => filtered::<S, f32, SIDE, POINTS, true>(
                            simd, &back, kernels, from, scratch, d_x,
                        ),
                        false => filtered::<S, f32, SIDE, POINTS, false>(
                            simd, &back, kernels, from, scratch, d_x,
                        ),
                    }
                    let sizes = [sample, conv.inputs];
                    target.finish(start, here..here + samples, sizes);
                }
            }
            weight.add::<S, SIDE>(simd, samples, (x_images, x), padding, (d_y_images, &d_y));
        }
        let sizes = [conv.outputs, conv.inputs];
        kernels::add_gradient::<S, f32, SIDE, POINTS>(simd, &weight.sums, sizes, self.d_weight);
    }
}

struct WeightScratch<E, const POINTS: usize> {
    grid: Grid,
    bands: [Band<E>; 2],
    x: Transformed<E, POINTS>,
    d_y: Transformed<E, POINTS>,
    sums: Kernels<E>,
}

impl<E: Fours, const POINTS: usize> WeightScratch<E, POINTS> {
    fn new<const SIDE: usize>(x: Images, y: Images, padding: usize, lanes: usize) -> Self {
        let grid = Grid::new(y.size, SIDE);
        let tiles = rows_at_once(grid) * grid.tiles[1];
        let (inputs, row) = (
            x.channels.next_multiple_of(lanes),
            y.channels.next_multiple_of(lanes),
        );
        Self {
            grid,
            bands: [
                Band::of_image::<POINTS, POINTS, SIDE>(grid, &x, padding, lanes),
                Band::of_image::<SIDE, POINTS, SIDE>(grid, &y, 0, lanes),
            ],
            x: Transformed::new(tiles, x.channels, lanes),
            d_y: Transformed::new(tiles, y.channels, lanes),
            sums: Kernels {
                elements: Aligned::zeros(POINTS * POINTS * inputs * row),
                inputs,
                row,
            },
        }
    }

    #[inline(always)]
    fn add<S: Simd, const SIDE: usize>(
        &mut self,
        simd: S,
        samples: usize,
        x: (Images, &[E]),
        padding: usize,
        d_y: (Images, &[E]),
    ) where
        Winograd: Filtering<SIDE, POINTS>,
    {
        let grid = self.grid;
        let all = samples * grid.tiles[0];
        let [x_band, y_band] = &mut self.bands;
        for first in (0..all).step_by(rows_at_once(grid)) {
            let rows = first..(first + rows_at_once(grid)).min(all);
            let here = || (grid, rows.clone());
            transform::<S, E, <Winograd as Filtering<SIDE, POINTS>>::Image, SIDE, POINTS, POINTS>(
                simd,
                x,
                padding,
                here(),
                x_band,
                &mut self.x,
            );
            transform::<S, E, <Winograd as Filtering<SIDE, POINTS>>::Gradient, SIDE, SIDE, POINTS>(
                simd,
                d_y,
                0,
                here(),
                y_band,
                &mut self.d_y,
            );
            let tiles = rows.len() * grid.tiles[1];
            multiply_transposed(simd, tiles, &self.x, &self.d_y, &mut self.sums);
        }
    }
}
