//! The two products that a convolution is made of, with vectors in registers: `rows = weights x taps`
//! and `weights = rows x taps^T`.
#![allow(unsafe_code)]

use pulp::Simd;

use super::geometry::OVERHANG;
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

/// For each of `rows` rows and each of `places` places: the sum over the taps of the weight times the
/// element of the tap's vector, written to `to`, whose rows are `to_row` elements long. Up to
/// [`OVERHANG`] places more are written.
#[inline(always)]
pub(super) fn product<S: Simd, E: Real>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: &[E],
    places: usize,
    (to, to_row, rows): (&mut [E], usize, usize),
) {
    if S::REGISTER_COUNT >= 32 {
        product_in::<S, E, 8>(simd, packed, taps, from, places, (to, to_row, rows));
    } else {
        product_in::<S, E, 4>(simd, packed, taps, from, places, (to, to_row, rows));
    }
}

/// Vectors of places that are computed together.
const WIDE: usize = 3;

#[inline(always)]
fn product_in<S: Simd, E: Real, const PANEL: usize>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: &[E],
    places: usize,
    (to, to_row, rows): (&mut [E], usize, usize),
) {
    let lanes = E::lanes::<S>();
    let step = WIDE * lanes;
    let computed = places.next_multiple_of(step);
    assert!(step <= OVERHANG && computed <= to_row && rows * to_row <= to.len());
    assert_eq!(packed.len(), rows.next_multiple_of(PANEL) * taps.len());
    let farthest = taps.iter().max().copied().unwrap_or(0);
    assert!(farthest + computed <= from.len());
    for place in (0..places).step_by(step) {
        for first in (0..rows).step_by(PANEL) {
            let weights = &packed[first * taps.len()..][..PANEL * taps.len()];
            let mut sums = [[E::splat(simd, E::default()); WIDE]; PANEL];
            // SAFETY: `place + tap + step` is at most `computed + farthest`, so inside `from`.
            let at = unsafe { from.as_ptr().add(place) };
            for (&tap, weights) in taps.iter().zip(weights.chunks_exact(PANEL)) {
                let mut x = [E::splat(simd, E::default()); WIDE];
                for (i, x) in x.iter_mut().enumerate() {
                    // SAFETY: as above.
                    *x = unsafe { E::load(at.add(tap + i * lanes)) };
                }
                for (sums, &weight) in sums.iter_mut().zip(weights) {
                    let weight = E::splat(simd, weight);
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = E::mul_add(simd, weight, x, *sum);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate().take(rows - first) {
                let to = &mut to[(first + row) * to_row + place..][..step];
                for (i, &sum) in sums.iter().enumerate() {
                    // SAFETY: `to` has `WIDE * lanes` elements.
                    unsafe { E::store(to.as_mut_ptr().add(i * lanes), sum) };
                }
            }
        }
    }
}

/// Adds, to each of the weights of `rows` rows, the sum over `places` places of the row's element times
/// that of the tap's vector. Rows are `from_row` elements long; where a row belongs to no place, and for
/// [`OVERHANG`] elements after its last place, it must hold zeros.
#[inline(always)]
pub(super) fn product_of_rows<S: Simd, E: Real>(
    simd: S,
    (rows_from, from_row, rows): (&[E], usize, usize),
    taps: &[usize],
    from: &[E],
    places: usize,
    weights: &mut [E],
) {
    if S::REGISTER_COUNT >= 32 {
        product_of_rows_in::<S, E, 8>(
            simd,
            (rows_from, from_row, rows),
            taps,
            from,
            places,
            weights,
        );
    } else {
        product_of_rows_in::<S, E, 4>(
            simd,
            (rows_from, from_row, rows),
            taps,
            from,
            places,
            weights,
        );
    }
}

/// Taps that are computed together.
const TAPS: usize = 2;

#[inline(always)]
fn product_of_rows_in<S: Simd, E: Real, const PANEL: usize>(
    simd: S,
    (rows_from, from_row, rows): (&[E], usize, usize),
    taps: &[usize],
    from: &[E],
    places: usize,
    weights: &mut [E],
) {
    let lanes = E::lanes::<S>();
    let computed = places.next_multiple_of(lanes);
    assert!(computed <= from_row && rows > 0);
    assert!((rows - 1) * from_row + computed <= rows_from.len());
    assert_eq!(weights.len(), rows * taps.len());
    let farthest = taps.iter().max().copied().unwrap_or(0);
    assert!(farthest + computed <= from.len());
    for first in (0..rows).step_by(PANEL) {
        // What is missing in the last panel is computed from its first row, and thrown away.
        let starts: [usize; PANEL] =
            std::array::from_fn(|i| (if first + i < rows { first + i } else { first }) * from_row);
        for (block, taps_here) in taps.chunks(TAPS).enumerate() {
            let vectors: [usize; TAPS] =
                std::array::from_fn(|i| taps_here.get(i).copied().unwrap_or(taps_here[0]));
            let mut sums = [[E::splat(simd, E::default()); TAPS]; PANEL];
            for place in (0..places).step_by(lanes) {
                let mut x = [E::splat(simd, E::default()); TAPS];
                for (x, vector) in x.iter_mut().zip(vectors) {
                    // SAFETY: `vector + place + lanes` is at most `farthest + computed`.
                    *x = unsafe { E::load(from.as_ptr().add(vector + place)) };
                }
                for (sums, start) in sums.iter_mut().zip(starts) {
                    // SAFETY: `start` is the start of a row, of which `computed` elements are there.
                    let y = unsafe { E::load(rows_from.as_ptr().add(start + place)) };
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = E::mul_add(simd, y, x, *sum);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate().take(rows - first) {
                let to = &mut weights[(first + row) * taps.len() + block * TAPS..];
                for (to, &sum) in to.iter_mut().zip(sums).take(taps_here.len()) {
                    *to += E::sum(simd, sum);
                }
            }
        }
    }
}
