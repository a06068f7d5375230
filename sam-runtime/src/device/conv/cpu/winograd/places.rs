//! Products back to the places of images.
#![allow(unsafe_code)]

use std::{mem::MaybeUninit, ops::Range};

use pulp::Simd;

use super::{
    fours::Fours,
    images::{Images, store, store_lines, vectors},
    lines::{Filtering, Line, Winograd},
    tiles::{Band, Grid, Transformed},
};

/// Transforms products back to the places of rows of tiles, counted over all samples of `y`, and writes or adds them.
///
/// # Safety
/// If they are added, `y` holds elements.
#[inline(always)]
pub(super) unsafe fn places<S, E, const SIDE: usize, const POINTS: usize, const ADD: bool>(
    simd: S,
    from: &Transformed<E, POINTS>,
    (grid, rows): (Grid, Range<usize>),
    band: &mut Band<E>,
    (images, y): (Images, &mut [MaybeUninit<E>]),
) where
    S: Simd,
    E: Fours,
    Winograd: Filtering<SIDE, POINTS>,
{
    let lanes = E::lanes::<S>();
    let [down, across] = grid.tiles;
    let [height, width] = images.size;
    assert!(rows.end.div_ceil(down) * images.sample() <= y.len());
    assert!(width >= 4 && height * width <= images.plane && width <= band.columns);
    assert!(across * SIDE <= band.columns);
    assert!(SIDE * band.columns * lanes <= band.elements.len());
    assert!(from.holds(rows.len() * across, images.channels));
    let columns = band.columns;
    let (band, y) = (band.elements.as_mut_ptr(), y.as_mut_ptr().cast::<E>());
    for channel in (0..images.channels).step_by(lanes) {
        for (i, row) in rows.clone().enumerate() {
            let plane = row / down * images.sample() + channel * images.plane;
            let top = row % down * SIDE;
            // SAFETY: as in `transform`; elements that are added to are there by the caller's word.
            unsafe {
                for tile in 0..across {
                    let at = from
                        .as_ptr()
                        .add(from.at(channel, i * across + tile, lanes));
                    let mut sums = [[E::splat(simd, E::default()); POINTS]; SIDE];
                    for u in 0..POINTS {
                        let column =
                            vectors::<S, E, POINTS>(simd, at.add(u * lanes), POINTS * lanes);
                        for (sums, &sum) in sums
                            .iter_mut()
                            .zip(&line::<S, E, SIDE, POINTS>(simd, column))
                        {
                            sums[u] = sum;
                        }
                    }
                    for (v, sums) in sums.iter().enumerate() {
                        let at = band.add((v * columns + tile * SIDE) * lanes);
                        for (u, &sum) in line::<S, E, SIDE, POINTS>(simd, *sums).iter().enumerate()
                        {
                            E::store(at.add(u * lanes), sum);
                        }
                    }
                }
                for v in 0..SIDE.min(height - top) {
                    let to = y.add(plane + (top + v) * width);
                    let band = band.add(v * columns * lanes);
                    if width.is_multiple_of(lanes) {
                        for column in (0..width).step_by(lanes) {
                            let (at, to) = (band.add(column * lanes), to.add(column));
                            let left = lanes.min(images.channels - channel);
                            store_lines::<S, E, ADD>(simd, at, left, (to, images.plane));
                        }
                        continue;
                    }
                    for (four, column) in images.fours().enumerate() {
                        let four_places = vectors::<S, E, 4>(simd, band.add(column * lanes), lanes);
                        let four_places = E::transposed(simd, four_places);
                        // Of places in two fours, the second one adds nothing.
                        let to = (to.add(column), 4 * four - column);
                        store::<S, E, ADD>(simd, four_places, images, channel, to);
                    }
                }
            }
        }
    }
}

/// To places, in one direction.
#[inline(always)]
fn line<S: Simd, E: Fours, const SIDE: usize, const POINTS: usize>(
    simd: S,
    x: [E::Lanes<S>; POINTS],
) -> [E::Lanes<S>; SIDE]
where
    Winograd: Filtering<SIDE, POINTS>,
{
    <Winograd as Filtering<SIDE, POINTS>>::Places::of::<S, E>(simd, x)
}
