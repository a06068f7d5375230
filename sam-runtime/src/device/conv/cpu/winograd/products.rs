//! The products of transformed tiles and kernels: for each point of a tile, of two small matrices.
#![allow(unsafe_code)]

use pulp::Simd;

use super::{
    images::vectors,
    tiles::{ROWS, Transformed},
};
use crate::device::cpu::{buffer::Aligned, simd::Real};

/// Kernels, transformed: for each point of a tile, a matrix of input channels x output channels.
pub(super) struct Kernels<E> {
    pub(super) elements: Aligned<E>,
    pub(super) inputs: usize,
    /// Output channels, in whole vectors.
    pub(super) row: usize,
}

impl<E> Kernels<E> {
    /// Elements of a point.
    pub(super) fn point(&self) -> usize {
        self.inputs * self.row
    }
}

/// Writes, for each point, the product of the tiles and the kernels.
#[inline(always)]
pub(super) fn multiply<S: Simd, E: Real, const POINTS: usize>(
    simd: S,
    tiles: usize,
    x: &Transformed<E, POINTS>,
    kernels: &Kernels<E>,
    to: &mut Transformed<E, POINTS>,
) {
    let lanes = E::lanes::<S>();
    let tiles = tiles.next_multiple_of(ROWS);
    assert!(kernels.inputs <= x.channels && kernels.row == to.channels);
    assert!(tiles <= x.tiles && tiles <= to.tiles);
    assert!(POINTS * POINTS * kernels.point() <= kernels.elements.len());
    for point in 0..POINTS * POINTS {
        for (first, wide) in pairs(kernels.row, lanes) {
            let block = Block {
                x: x.as_ptr().wrapping_add(point * lanes),
                x_vector: x.at(lanes, 0, lanes),
                kernels: kernels.elements[point * kernels.point() + first..].as_ptr(),
                inputs: kernels.inputs,
                row: kernels.row,
                to: to
                    .as_mut_ptr()
                    .wrapping_add(to.at(first, 0, lanes) + point * lanes),
                to_vector: to.at(lanes, 0, lanes),
            };
            // SAFETY: all of each point is there, and of the tiles behind the last one, of which nobody reads anything.
            unsafe {
                // Decided before it is compiled: the other half is not.
                if const { S::REGISTER_COUNT >= 32 } {
                    match wide {
                        true => block.write::<S, POINTS, 8, 2>(simd, tiles),
                        false => block.write::<S, POINTS, 16, 1>(simd, tiles),
                    }
                } else {
                    match wide {
                        true => block.write::<S, POINTS, 4, 2>(simd, tiles),
                        false => block.write::<S, POINTS, 8, 1>(simd, tiles),
                    }
                }
            }
        }
    }
}

/// The vectors of a row by two, if it has two more: where they begin, and whether they are two.
#[inline(always)]
fn pairs(row: usize, lanes: usize) -> impl Iterator<Item = (usize, bool)> {
    (0..row)
        .step_by(2 * lanes)
        .map(move |first| (first, row - first > lanes))
}

/// One or two vectors of output channels of all tiles, at one point.
struct Block<E> {
    x: *const E,
    /// From one vector of channels to the next.
    x_vector: usize,
    kernels: *const E,
    inputs: usize,
    row: usize,
    to: *mut E,
    to_vector: usize,
}

impl<E: Real> Block<E> {
    #[inline(always)]
    unsafe fn write<S: Simd, const POINTS: usize, const HIGH: usize, const WIDE: usize>(
        &self,
        simd: S,
        tiles: usize,
    ) {
        let lanes = E::lanes::<S>();
        let apart = POINTS * POINTS * lanes;
        for tile in (0..tiles).step_by(HIGH) {
            let mut sums = [[E::splat(simd, E::default()); WIDE]; HIGH];
            // SAFETY: the caller's.
            unsafe {
                for first in (0..self.inputs).step_by(lanes) {
                    let x = self.x.add(first / lanes * self.x_vector + tile * apart);
                    let kernels = self.kernels.add(first * self.row);
                    for input in 0..lanes.min(self.inputs - first) {
                        let kernels =
                            vectors::<S, E, WIDE>(simd, kernels.add(input * self.row), lanes);
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let x = E::splat(simd, *x.add(i * apart + input));
                            for (sum, &kernel) in sums.iter_mut().zip(&kernels) {
                                *sum = E::mul_add(simd, x, kernel, *sum);
                            }
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (j, &sum) in sums.iter().enumerate() {
                        E::store(self.to.add((tile + i) * apart + j * self.to_vector), sum);
                    }
                }
            }
        }
    }
}

/// Adds, for each point, the product of the tiles of the images, transposed, and those of the gradient.
#[inline(always)]
pub(super) fn multiply_transposed<S: Simd, E: Real, const POINTS: usize>(
    simd: S,
    tiles: usize,
    x: &Transformed<E, POINTS>,
    gradient: &Transformed<E, POINTS>,
    to: &mut Kernels<E>,
) {
    let lanes = E::lanes::<S>();
    assert!(to.inputs <= x.channels && to.row == gradient.channels);
    assert!(to.inputs.is_multiple_of(lanes));
    assert!(tiles <= x.tiles && tiles <= gradient.tiles);
    assert!(POINTS * POINTS * to.point() <= to.elements.len());
    for point in 0..POINTS * POINTS {
        for (first, wide) in pairs(to.row, lanes) {
            let at = point * to.point() + first;
            let block = AddedBlock {
                x: x.as_ptr().wrapping_add(point * lanes),
                x_vector: x.at(lanes, 0, lanes),
                gradient: gradient
                    .as_ptr()
                    .wrapping_add(gradient.at(first, 0, lanes) + point * lanes),
                gradient_vector: gradient.at(lanes, 0, lanes),
                inputs: to.inputs,
                row: to.row,
                to: to.elements[at..].as_mut_ptr(),
            };
            // SAFETY: all of each point is there; channels come in whole vectors, which blocks divide.
            unsafe {
                if const { S::REGISTER_COUNT >= 32 } && lanes >= 16 {
                    match wide {
                        true => block.add::<S, POINTS, 8, 2>(simd, tiles),
                        false => block.add::<S, POINTS, 16, 1>(simd, tiles),
                    }
                } else {
                    match wide {
                        true => block.add::<S, POINTS, 4, 2>(simd, tiles),
                        false => block.add::<S, POINTS, 4, 1>(simd, tiles),
                    }
                }
            }
        }
    }
}

/// One or two vectors of output channels of all input channels, at one point.
struct AddedBlock<E> {
    x: *const E,
    /// From one vector of channels to the next.
    x_vector: usize,
    gradient: *const E,
    gradient_vector: usize,
    inputs: usize,
    row: usize,
    to: *mut E,
}

impl<E: Real> AddedBlock<E> {
    #[inline(always)]
    unsafe fn add<S: Simd, const POINTS: usize, const HIGH: usize, const WIDE: usize>(
        &self,
        simd: S,
        tiles: usize,
    ) {
        let lanes = E::lanes::<S>();
        let apart = POINTS * POINTS * lanes;
        for input in (0..self.inputs).step_by(HIGH) {
            // SAFETY: the caller's.
            unsafe {
                let x = self.x.add(input / lanes * self.x_vector + input % lanes);
                let to = self.to.add(input * self.row);
                let mut sums = [[E::splat(simd, E::default()); WIDE]; HIGH];
                for (i, sums) in sums.iter_mut().enumerate() {
                    *sums = vectors::<S, E, WIDE>(simd, to.add(i * self.row), lanes);
                }
                for tile in 0..tiles {
                    let (x, gradient) = (x.add(tile * apart), self.gradient.add(tile * apart));
                    let gradient = vectors::<S, E, WIDE>(simd, gradient, self.gradient_vector);
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let x = E::splat(simd, *x.add(i));
                        for (sum, &gradient) in sums.iter_mut().zip(&gradient) {
                            *sum = E::mul_add(simd, x, gradient, *sum);
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (j, &sum) in sums.iter().enumerate() {
                        E::store(to.add(i * self.row + j * lanes), sum);
                    }
                }
            }
        }
    }
}
