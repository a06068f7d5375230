//! The two products that a convolution is made of, with vectors in registers: `rows = weights x taps`
//! and `weights = rows x taps^T`.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::Simd;

use super::geometry::Places;
use crate::device::cpu::simd::Real;

/// Rows of the product that are computed together: as many as there are registers for.
#[inline(always)]
pub(super) fn panel<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}

/// Packs a matrix of `rows` x `columns`, given by its elements, for [`product`]: panels of rows, each
/// column by column, the last one filled up with zeros.
pub(super) fn pack<E: Real>(
    panel: usize,
    [rows, columns]: [usize; 2],
    element: impl Fn(usize, usize) -> E,
    packed: &mut Vec<E>,
) {
    packed.clear();
    for first in (0..rows).step_by(panel) {
        for column in 0..columns {
            for row in first..first + panel {
                packed.push(if row < rows {
                    element(row, column)
                } else {
                    E::default()
                });
            }
        }
    }
}

/// Where a product goes: `rows` rows of `row` elements.
pub(super) struct Target<'a, E> {
    pub(super) to: &'a mut [MaybeUninit<E>],
    pub(super) row: usize,
    pub(super) rows: usize,
    /// Whether it is added to what is there, which then must be elements.
    pub(super) add: bool,
}

/// The vector of some places: one piece (`HALVES` is false), or two that are `apart`.
///
/// # Safety
/// It can be read.
#[inline(always)]
unsafe fn load<S: Simd, E: Real, const HALVES: bool>(from: *const E, apart: usize) -> E::Lanes<S> {
    // SAFETY: the caller's.
    unsafe {
        if HALVES {
            E::load_halves::<S>(from, from.add(apart))
        } else {
            E::load::<S>(from)
        }
    }
}

/// The end of the farthest vector.
fn end(places: Places<'_>, lanes: usize) -> usize {
    let len = places.halves.map_or(lanes, |apart| apart + lanes / 2);
    places.starts.iter().max().copied().unwrap_or(0) + len
}

/// For each row, and each vector of `places`: the sum over the taps of the weight times the element of the
/// tap's vector. In its row of the target, one vector follows the other.
///
/// # Safety
/// If the product is added, the target holds elements.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, E: Real>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: &[E],
    places: Places<'_>,
    target: Target<'_, E>,
) {
    let lanes = E::lanes::<S>();
    let width = places.starts.len() * lanes;
    assert!(width <= target.row && target.rows * target.row <= target.to.len());
    assert_eq!(
        packed.len(),
        target.rows.next_multiple_of(panel::<S>()) * taps.len()
    );
    let farthest = taps.iter().max().copied().unwrap_or(0);
    assert!(farthest + end(places, lanes) <= from.len());
    let (starts, apart) = (places.starts, places.halves.unwrap_or(0));
    let from = (from, apart);
    // SAFETY: a vector can be read at each start from each tap on, and each of the rows has room for all
    // of them; the caller's for `add`.
    unsafe {
        match (S::REGISTER_COUNT >= 32, places.halves) {
            (true, None) => product_in::<S, E, 8, false>(simd, packed, taps, from, starts, target),
            (true, Some(_)) => {
                product_in::<S, E, 8, true>(simd, packed, taps, from, starts, target);
            }
            (false, None) => {
                product_in::<S, E, 4, false>(simd, packed, taps, from, starts, target);
            }
            (false, Some(_)) => {
                product_in::<S, E, 4, true>(simd, packed, taps, from, starts, target);
            }
        }
    }
}

/// Vectors of places that are computed together.
const WIDE: usize = 3;

#[inline(always)]
unsafe fn product_in<S: Simd, E: Real, const PANEL: usize, const HALVES: bool>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: (&[E], usize),
    starts: &[usize],
    target: Target<'_, E>,
) {
    let lanes = E::lanes::<S>();
    let (groups, rest) = starts.as_chunks::<WIDE>();
    for first in 0..groups.len() + rest.len() {
        for panel in (0..target.rows).step_by(PANEL) {
            let weights = &packed[panel * taps.len()..][..PANEL * taps.len()];
            let rows = (target.rows - panel).min(PANEL);
            let at = first.min(groups.len()) * WIDE + first.saturating_sub(groups.len());
            // SAFETY: the caller's.
            unsafe {
                let to = target.to.as_mut_ptr().add(panel * target.row + at * lanes);
                let to = (to.cast::<E>(), target.row, rows, target.add);
                match groups.get(first) {
                    Some(starts) => {
                        tile::<S, E, PANEL, WIDE, HALVES>(simd, weights, taps, from, starts, to);
                    }
                    None => {
                        let start = &[starts[at]];
                        tile::<S, E, PANEL, 1, HALVES>(simd, weights, taps, from, start, to);
                    }
                }
            }
        }
    }
}

/// One block of the product, in registers.
#[inline(always)]
unsafe fn tile<S: Simd, E: Real, const PANEL: usize, const WIDE: usize, const HALVES: bool>(
    simd: S,
    weights: &[E],
    taps: &[usize],
    (from, apart): (&[E], usize),
    starts: &[usize; WIDE],
    (to, row, rows, add): (*mut E, usize, usize, bool),
) {
    let lanes = E::lanes::<S>();
    let zero = E::splat(simd, E::default());
    let mut sums = [[zero; WIDE]; PANEL];
    // SAFETY: the caller's: a vector can be read from each tap at each start.
    let vectors = starts.map(|start| unsafe { from.as_ptr().add(start) });
    for (&tap, weights) in taps.iter().zip(weights.chunks_exact(PANEL)) {
        // SAFETY: as above.
        let x = vectors.map(|vector| unsafe { load::<S, E, HALVES>(vector.add(tap), apart) });
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            let weight = E::splat(simd, weight);
            for (sum, &x) in sums.iter_mut().zip(&x) {
                *sum = E::mul_add(simd, weight, x, *sum);
            }
        }
    }
    for (i, sums) in sums.iter().enumerate().take(rows) {
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: the caller's: there is room for these vectors in each of the rows, and elements in
            // it if they are added to.
            unsafe {
                let to = to.add(i * row + j * lanes);
                let sum = if add {
                    E::mul_add(simd, sum, E::splat(simd, E::ONE), E::load::<S>(to))
                } else {
                    sum
                };
                E::store(to, sum);
            }
        }
    }
}

/// Rows of an output, one after the other: `count` of them, each of `len` elements.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, E> {
    pub(super) elements: &'a [E],
    pub(super) len: usize,
    pub(super) count: usize,
}

/// Adds, to each weight of each of the rows, the sum over `places` of the row's element times that of the
/// tap's vector. In the rows, one vector of places follows the other; where a place is none of the
/// convolution's, they must hold zeros.
#[inline(always)]
pub(super) fn product_of_rows<S: Simd, E: Real>(
    simd: S,
    rows: Rows<'_, E>,
    taps: &[usize],
    from: &[E],
    places: Places<'_>,
    weights: &mut [E],
) {
    let lanes = E::lanes::<S>();
    let width = places.starts.len() * lanes;
    assert!(width <= rows.len && rows.count > 0);
    assert!((rows.count - 1) * rows.len + width <= rows.elements.len());
    assert_eq!(weights.len(), rows.count * taps.len());
    let farthest = taps.iter().max().copied().unwrap_or(0);
    assert!(farthest + end(places, lanes) <= from.len());
    let (starts, apart) = (places.starts, places.halves.unwrap_or(0));
    let from = (from, apart);
    // SAFETY: a vector can be read at each start from each tap on, and in each row as many as there are
    // starts.
    unsafe {
        match (S::REGISTER_COUNT >= 32, places.halves) {
            (true, None) => {
                product_of_rows_in::<S, E, 4, false>(simd, rows, taps, from, starts, weights);
            }
            (true, Some(_)) => {
                product_of_rows_in::<S, E, 4, true>(simd, rows, taps, from, starts, weights);
            }
            (false, None) => {
                product_of_rows_in::<S, E, 2, false>(simd, rows, taps, from, starts, weights);
            }
            (false, Some(_)) => {
                product_of_rows_in::<S, E, 2, true>(simd, rows, taps, from, starts, weights);
            }
        }
    }
}

/// Taps that are computed together: with four rows, 20 sums and 9 vectors are in registers.
const TAPS: usize = 5;

#[inline(always)]
unsafe fn product_of_rows_in<S: Simd, E: Real, const PANEL: usize, const HALVES: bool>(
    simd: S,
    rows: Rows<'_, E>,
    taps: &[usize],
    (from, apart): (&[E], usize),
    starts: &[usize],
    weights: &mut [E],
) {
    let lanes = E::lanes::<S>();
    for first in (0..rows.count).step_by(PANEL) {
        // What is missing in the last panel is computed from its first row, and thrown away.
        let row_starts: [usize; PANEL] = std::array::from_fn(|i| {
            let row = if first + i < rows.count {
                first + i
            } else {
                first
            };
            row * rows.len
        });
        for (block, taps_here) in taps.chunks(TAPS).enumerate() {
            let vectors: [usize; TAPS] =
                std::array::from_fn(|i| taps_here.get(i).copied().unwrap_or(taps_here[0]));
            let mut sums = [[E::splat(simd, E::default()); TAPS]; PANEL];
            for (i, &start) in starts.iter().enumerate() {
                // SAFETY: the caller's, twice.
                let x = vectors.map(|vector| unsafe {
                    load::<S, E, HALVES>(from.as_ptr().add(vector + start), apart)
                });
                let y = row_starts.map(|row| unsafe {
                    E::load::<S>(rows.elements.as_ptr().add(row + i * lanes))
                });
                for (sums, &y) in sums.iter_mut().zip(&y) {
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = E::mul_add(simd, y, x, *sum);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate().take(rows.count - first) {
                let to = &mut weights[(first + row) * taps.len() + block * TAPS..];
                for (to, &sum) in to.iter_mut().zip(sums).take(taps_here.len()) {
                    *to += E::sum(simd, sum);
                }
            }
        }
    }
}
