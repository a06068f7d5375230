//! The convolution itself; and, with the output's gradient in the place of the image, the way back to the input.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::{
    fours::Fours,
    images::Images,
    kernels,
    lines::{Filtering, Winograd},
    places::places,
    products::{Kernels, multiply},
    single::{SINGLE, same, same_mut, single},
    tiles::{Band, Grid, Transformed},
    transform::transform,
};
use crate::device::{
    batch_norm::cpu::{PlaneMoments, moments_of_samples},
    conv::cpu::{
        ends::{Input, Memory},
        geometry::Conv,
    },
    cpu::{buffer::written, dims::Dims, simd::Real, tasks::counted},
};

/// About as many tiles as are transformed at once.
pub(super) const TILES: usize = 32;

/// Tasks that a batch is cut into, at least, if it has as many samples.
const TASKS: usize = 16;

/// Images to images by kernels.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    pub(super) from: Images,
    pub(super) to: Images,
    pub(super) padding: usize,
}

impl Filter {
    pub(super) fn forward(conv: &Conv) -> Self {
        Self {
            from: Images::new(conv.inputs, conv.image, conv.orders[0]),
            to: Images::new(conv.outputs, conv.places, conv.orders[1]),
            padding: conv.window.padding,
        }
    }
}

/// Memory for transformed tiles.
pub(super) struct Scratch<E, const POINTS: usize> {
    bands: [Band<E>; 2],
    x: Transformed<E, POINTS>,
    y: Transformed<E, POINTS>,
}

/// Rows of tiles that are transformed at once.
pub(super) fn rows_at_once(grid: Grid) -> usize {
    (TILES / grid.tiles[1]).max(1)
}

impl<E: Fours, const POINTS: usize> Scratch<E, POINTS> {
    pub(super) fn new<const SIDE: usize>(filter: &Filter, lanes: usize) -> Self {
        let grid = Grid::new(filter.to.size, SIDE);
        let tiles = rows_at_once(grid) * grid.tiles[1];
        let (from, to) = (filter.from, filter.to);
        let band = Band::of_image::<POINTS, POINTS, SIDE>;
        Self {
            bands: [
                band(grid, &from, filter.padding, lanes),
                Band::new(SIDE, (grid.tiles[1] * SIDE).max(to.size[1]), lanes),
            ],
            x: Transformed::new(tiles, from.channels, lanes),
            y: Transformed::new(tiles, to.channels, lanes),
        }
    }
}

/// Writes (or adds) what the kernels make of the images of `x`, so many samples.
///
/// # Safety
/// If it is added, `y` holds elements.
#[inline(always)]
pub(super) unsafe fn filtered<S, E, const SIDE: usize, const POINTS: usize, const ADD: bool>(
    simd: S,
    filter: &Filter,
    kernels: &Kernels<E>,
    (samples, x): (usize, &[E]),
    scratch: &mut Scratch<E, POINTS>,
    y: &mut [MaybeUninit<E>],
) where
    S: Simd,
    E: Fours,
    Winograd: Filtering<SIDE, POINTS>,
{
    let grid = Grid::new(filter.to.size, SIDE);
    let all = samples * grid.tiles[0];
    let Scratch {
        bands: [from_band, to_band],
        x: from,
        y: to,
    } = scratch;
    for first in (0..all).step_by(rows_at_once(grid)) {
        let rows = first..(first + rows_at_once(grid)).min(all);
        let image = (filter.from, x);
        let here = (grid, rows.clone());
        transform::<S, E, <Winograd as Filtering<SIDE, POINTS>>::Image, SIDE, POINTS, POINTS>(
            simd,
            image,
            filter.padding,
            here,
            from_band,
            from,
        );
        let tiles = rows.len() * grid.tiles[1];
        multiply(simd, tiles, from, kernels, to);
        // SAFETY: the caller's.
        unsafe {
            places::<S, E, SIDE, POINTS, ADD>(
                simd,
                to,
                (grid, rows),
                to_band,
                (filter.to, &mut *y),
            );
        }
    }
}

/// The convolution of `x` with `weight`; and the moments of each channel of each sample, if there is room for them.
pub(in crate::device::conv::cpu) fn forward<E: Real>(
    conv: &Conv,
    is_large: bool,
    x: Input<'_, E>,
    weight: &[E],
    moments: &mut [PlaneMoments<E>],
) -> Vec<E> {
    let convolution = Convolution {
        conv,
        x: single(x),
        weight: same(weight).expect(SINGLE),
        moments: same_mut(moments).expect(SINGLE),
    };
    // SAFETY: a task writes all places of all channels of its samples.
    unsafe {
        written(conv.batch * conv.outputs * conv.positions(), |z| {
            let z = same_mut(z).expect(SINGLE);
            if is_large {
                convolution.run::<4, 6>(z)
            } else {
                convolution.run::<2, 4>(z)
            }
        })
    }
}

struct Convolution<'a> {
    conv: &'a Conv,
    x: Input<'a, f32>,
    weight: &'a [f32],
    moments: &'a mut [PlaneMoments<f32>],
}

impl Convolution<'_> {
    /// How many numbers were written.
    fn run<const SIDE: usize, const POINTS: usize>(self, z: &mut [MaybeUninit<f32>]) -> usize
    where
        Winograd: Filtering<SIDE, POINTS>,
    {
        let conv = self.conv;
        let filter = &Filter::forward(conv);
        let sizes = [conv.outputs, conv.inputs];
        let kernels = &kernels::transformed::<f32, SIDE, POINTS>(self.weight, sizes, false);
        let samples = TILES.div_ceil(Grid::new(conv.places, SIDE).count());
        let samples = samples.min(conv.batch.div_ceil(TASKS));
        let mut of_task = self.moments.chunks_mut(samples * conv.outputs);
        let tasks: Vec<_> = (0..conv.batch)
            .step_by(samples)
            .map(|n| (n * filter.from.sample(), of_task.next().unwrap_or_default()))
            .collect();
        let run = |(z, (start, moments)): (&mut [_], _)| {
            Arch::new().dispatch(Task::<f32, SIDE, POINTS> {
                filter,
                dims: conv.output(),
                kernels,
                x: (self.x, start),
                z,
                moments,
            })
        };
        let z = z.chunks_mut(samples * filter.to.sample());
        counted(z.zip(tasks), run)
    }
}

/// A few samples.
struct Task<'a, E, const SIDE: usize, const POINTS: usize> {
    filter: &'a Filter,
    /// Of the output.
    dims: Dims,
    kernels: &'a Kernels<E>,
    /// The input, and where the samples begin.
    x: (Input<'a, E>, usize),
    z: &'a mut [MaybeUninit<E>],
    moments: &'a mut [PlaneMoments<E>],
}

impl<E: Fours, const SIDE: usize, const POINTS: usize> WithSimd for Task<'_, E, SIDE, POINTS>
where
    Winograd: Filtering<SIDE, POINTS>,
{
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        if S::IS_SCALAR {
            unreachable!("ways are chosen by the vectors that there are");
        }
        let Self { filter, z, .. } = self;
        let scratch = &mut Scratch::new::<SIDE>(filter, E::lanes::<S>());
        let mut memory = Memory::default();
        let samples = z.len() / filter.to.sample();
        let (x, start) = self.x;
        let x = x.part(start, samples * filter.from.sample(), &mut memory);
        let from = (samples, x);
        // SAFETY: nothing is added.
        unsafe {
            filtered::<S, E, SIDE, POINTS, false>(simd, filter, self.kernels, from, scratch, z);
        }
        // SAFETY: all of it was just written.
        moments_of_samples(self.dims, unsafe { z.assume_init_ref() }, self.moments);
        z.len()
    }
}
