//! Images to transformed tiles.
#![allow(unsafe_code)]

use std::ops::Range;

use pulp::Simd;

use super::{
    fours::Fours,
    images::{Images, load, vectors},
    lines::Line,
    tiles::{Band, Grid, LINE, Transformed},
};
use crate::device::cpu::order::Order;

/// Transforms the tiles of rows of tiles, counted over all samples of `x`.
#[inline(always)]
pub(super) fn transform<S, E, L, const SIDE: usize, const FROM: usize, const TO: usize>(
    simd: S,
    (images, x): (Images, &[E]),
    padding: usize,
    (grid, rows): (Grid, Range<usize>),
    band: &mut Band<E>,
    to: &mut Transformed<E, TO>,
) where
    S: Simd,
    E: Fours,
    L: Line<FROM, TO>,
{
    let lanes = E::lanes::<S>();
    let [down, across] = grid.tiles;
    let width = images.size[1];
    assert!(rows.end.div_ceil(down) * images.sample() <= x.len());
    assert!(images.fits(lanes));
    assert!(images.order == Order::Planes || width * images.channels <= band.zeros.len());
    assert!(padding + width <= band.columns && (across - 1) * SIDE + FROM <= band.columns);
    assert!(TO * band.columns * lanes <= band.elements.len());
    assert!(to.holds(rows.len() * across, images.channels));
    let to_start = to.as_mut_ptr();
    for channel in (0..images.channels).step_by(lanes) {
        for (i, row) in rows.clone().enumerate() {
            let plane = row / down * images.sample() + channel * images.plane;
            let place = Place {
                x: x[plane..].as_ptr(),
                channel,
                top: row % down * SIDE,
                padding,
            };
            // SAFETY: the rows and columns are the image's, and there is room for what is written, as was seen above.
            unsafe {
                let to = to_start.add(to.at(channel, i * across, lanes));
                if images.order == Order::Pixels {
                    row_of_pixels::<S, E, L, SIDE, FROM, TO>(simd, images, place, across, band, to);
                } else if band.has_lines {
                    row_of_lines::<S, E, L, SIDE, FROM, TO>(simd, images, place, across, band, to);
                } else {
                    row_of_fours::<S, E, L, SIDE, FROM, TO>(simd, images, place, across, band, to);
                }
            }
        }
    }
}

/// A vector of channels in a row of tiles.
#[derive(Clone, Copy)]
struct Place<E> {
    /// The first one's first place.
    x: *const E,
    channel: usize,
    /// The row of the padded image where the tiles begin.
    top: usize,
    padding: usize,
}

/// [`transform`] of images whose rows are whole vectors: down in vectors of places, across in vectors of channels.
#[inline(always)]
unsafe fn row_of_lines<S, E, L, const SIDE: usize, const FROM: usize, const TO: usize>(
    simd: S,
    images: Images,
    place: Place<E>,
    across: usize,
    band: &mut Band<E>,
    to: *mut E,
) where
    S: Simd,
    E: Fours,
    L: Line<FROM, TO>,
{
    let lanes = E::lanes::<S>();
    let [height, width] = images.size;
    let band = band.elements.as_mut_ptr();
    // SAFETY: the caller's.
    unsafe {
        for channel in 0..lanes.min(images.channels - place.channel) {
            for column in (0..width).step_by(lanes) {
                let x = place.x.add(channel * images.plane + column);
                let mut down = [E::splat(simd, E::default()); FROM];
                for (v, down) in down.iter_mut().enumerate() {
                    let y = (place.top + v).wrapping_sub(place.padding);
                    if y < height {
                        *down = E::load::<S>(x.add(y * width));
                    }
                }
                let at = band.add(channel * LINE + place.padding + column);
                for (v, &sum) in L::of::<S, E>(simd, down).iter().enumerate() {
                    E::store(at.add(v * lanes * LINE), sum);
                }
            }
        }
        let lines = Images {
            channels: lanes,
            plane: LINE,
            ..images
        };
        for v in 0..TO {
            let band = band.add(v * lanes * LINE);
            let mut next = load::<S, E>(simd, lines, 0, band);
            for tile in 0..across {
                let at = band.add(tile * SIDE);
                let mut row = [E::splat(simd, E::default()); FROM];
                let first = if SIDE == 4 {
                    next
                } else {
                    load::<S, E>(simd, lines, 0, at)
                };
                if FROM > 4 || SIDE == 4 && tile + 1 < across {
                    next = load::<S, E>(simd, lines, 0, at.add(4));
                }
                for (u, row) in row.iter_mut().enumerate() {
                    *row = if u < 4 { first[u] } else { next[u - 4] };
                }
                let to = to.add((tile * TO + v) * TO * lanes);
                for (u, &sum) in L::of::<S, E>(simd, row).iter().enumerate() {
                    E::store(to.add(u * lanes), sum);
                }
            }
        }
    }
}

/// [`transform`] of images of any width: down and across in vectors of channels.
#[inline(always)]
unsafe fn row_of_fours<S, E, L, const SIDE: usize, const FROM: usize, const TO: usize>(
    simd: S,
    images: Images,
    place: Place<E>,
    across: usize,
    band: &mut Band<E>,
    to: *mut E,
) where
    S: Simd,
    E: Fours,
    L: Line<FROM, TO>,
{
    let lanes = E::lanes::<S>();
    let [height, width] = images.size;
    let columns = band.columns;
    let band = band.elements.as_mut_ptr();
    // SAFETY: the caller's.
    unsafe {
        for column in images.fours() {
            let mut four = [[E::splat(simd, E::default()); FROM]; 4];
            for v in 0..FROM {
                let y = (place.top + v).wrapping_sub(place.padding);
                if y < height {
                    let at = place.x.add(y * width + column);
                    let places = load::<S, E>(simd, images, place.channel, at);
                    for (four, &place) in four.iter_mut().zip(&places) {
                        four[v] = place;
                    }
                }
            }
            for (u, four) in four.iter().enumerate() {
                let at = band.add((place.padding + column + u) * lanes);
                for (v, &sum) in L::of::<S, E>(simd, *four).iter().enumerate() {
                    E::store(at.add(v * columns * lanes), sum);
                }
            }
        }
        tiles_across::<S, E, L, SIDE, FROM, TO>(simd, band, columns, across, to);
    }
}

/// [`transform`] of images that lie by pixels.
#[inline(always)]
unsafe fn row_of_pixels<S, E, L, const SIDE: usize, const FROM: usize, const TO: usize>(
    simd: S,
    images: Images,
    place: Place<E>,
    across: usize,
    band: &mut Band<E>,
    to: *mut E,
) where
    S: Simd,
    E: Fours,
    L: Line<FROM, TO>,
{
    let lanes = E::lanes::<S>();
    let [height, width] = images.size;
    let columns = band.columns;
    // Rows outside of the image are zeros, so that no column need ask.
    let mut rows = [band.zeros.as_ptr(); FROM];
    for (v, row) in rows.iter_mut().enumerate() {
        let y = (place.top + v).wrapping_sub(place.padding);
        if y < height {
            *row = place.x.wrapping_add(y * width * images.channels);
        }
    }
    let band = band.elements.as_mut_ptr();
    // SAFETY: the caller's; there are as many zeros as elements of a row.
    unsafe {
        for column in 0..width {
            let mut down = [E::splat(simd, E::default()); FROM];
            for (row, down) in rows.iter().zip(&mut down) {
                *down = E::load::<S>(row.add(column * images.channels));
            }
            let at = band.add((place.padding + column) * lanes);
            for (v, &sum) in L::of::<S, E>(simd, down).iter().enumerate() {
                E::store(at.add(v * columns * lanes), sum);
            }
        }
        tiles_across::<S, E, L, SIDE, FROM, TO>(simd, band, columns, across, to);
    }
}

/// The transform across of a row of tiles whose transform down is in the band, as vectors of channels.
#[inline(always)]
unsafe fn tiles_across<S, E, L, const SIDE: usize, const FROM: usize, const TO: usize>(
    simd: S,
    band: *const E,
    columns: usize,
    across: usize,
    to: *mut E,
) where
    S: Simd,
    E: Fours,
    L: Line<FROM, TO>,
{
    let lanes = E::lanes::<S>();
    // SAFETY: the caller's.
    unsafe {
        for tile in 0..across {
            let to = to.add(tile * TO * TO * lanes);
            for v in 0..TO {
                let at = band.add((v * columns + tile * SIDE) * lanes);
                let row = vectors::<S, E, FROM>(simd, at, lanes);
                for (u, &sum) in L::of::<S, E>(simd, row).iter().enumerate() {
                    E::store(to.add((v * TO + u) * lanes), sum);
                }
            }
        }
    }
}
