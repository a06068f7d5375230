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
use crate::device::cpu::order::Order;

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
    assert!(images.fits(lanes) && width.max(across * SIDE) <= band.columns);
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
                    if images.order == Order::Pixels {
                        let left = tile * SIDE;
                        let y = y.add(plane + (top * width + left) * images.channels);
                        let inside = [height - top, width - left];
                        match inside[0].min(inside[1]) >= SIDE {
                            true => {
                                let whole = [SIDE; 2];
                                store_pixels::<S, E, SIDE, POINTS, ADD>(
                                    simd, &sums, images, whole, y,
                                );
                            }
                            false => {
                                store_pixels::<S, E, SIDE, POINTS, ADD>(
                                    simd, &sums, images, inside, y,
                                );
                            }
                        }
                        continue;
                    }
                    for (v, sums) in sums.iter().enumerate() {
                        let at = band.add((v * columns + tile * SIDE) * lanes);
                        for (u, &sum) in line::<S, E, SIDE, POINTS>(simd, *sums).iter().enumerate()
                        {
                            E::store(at.add(u * lanes), sum);
                        }
                    }
                }
                if images.order == Order::Pixels {
                    continue;
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

/// Writes or adds what of a tile lies inside of images that lie by pixels, given its sums down.
#[inline(always)]
unsafe fn store_pixels<S, E, const SIDE: usize, const POINTS: usize, const ADD: bool>(
    simd: S,
    sums: &[[E::Lanes<S>; POINTS]; SIDE],
    images: Images,
    [high, wide]: [usize; 2],
    y: *mut E,
) where
    S: Simd,
    E: Fours,
    Winograd: Filtering<SIDE, POINTS>,
{
    for (v, sums) in sums.iter().enumerate().take(high) {
        let row = line::<S, E, SIDE, POINTS>(simd, *sums);
        for (u, &sum) in row.iter().enumerate() {
            if u >= wide {
                break;
            }
            // SAFETY: the caller's, for places inside of the image.
            unsafe {
                let to = y.add((v * images.size[1] + u) * images.channels);
                let sum = match ADD {
                    true => E::plus(simd, E::load::<S>(to), sum),
                    false => sum,
                };
                E::store(to, sum);
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
