//! The two products that a convolution is made of, with vectors in registers: `rows = weights x taps`
//! and `weights = rows x taps^T`.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::Simd;

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

/// For each row, and each vector of places that begins at one of `starts`: the sum over the taps of the
/// weight times the element of the tap's vector. In its row of the target, one vector follows the other.
///
/// # Safety
/// If the product is added, the target holds elements.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, E: Real>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: &[E],
    starts: &[usize],
    target: Target<'_, E>,
) {
    let lanes = E::lanes::<S>();
    let width = starts.len() * lanes;
    assert!(width <= target.row && target.rows * target.row <= target.to.len());
    assert_eq!(
        packed.len(),
        target.rows.next_multiple_of(panel::<S>()) * taps.len()
    );
    let farthest = |of: &[usize]| of.iter().max().copied().unwrap_or(0);
    assert!(farthest(taps) + farthest(starts) + lanes <= from.len());
    // SAFETY: a vector can be read at each start from each tap on, and each of the rows has room for all
    // of them; the caller's for `add`.
    unsafe {
        if S::REGISTER_COUNT >= 32 {
            product_in::<S, E, 8>(simd, packed, taps, from, starts, target);
        } else {
            product_in::<S, E, 4>(simd, packed, taps, from, starts, target);
        }
    }
}

/// Vectors of places that are computed together.
const WIDE: usize = 3;

#[inline(always)]
unsafe fn product_in<S: Simd, E: Real, const PANEL: usize>(
    simd: S,
    packed: &[E],
    taps: &[usize],
    from: &[E],
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
                        tile::<S, E, PANEL, WIDE>(simd, weights, taps, from, starts, to)
                    }
                    None => {
                        let start = &[starts[at]];
                        tile::<S, E, PANEL, 1>(simd, weights, taps, from, start, to);
                    }
                }
            }
        }
    }
}

/// One block of the product, in registers.
#[inline(always)]
unsafe fn tile<S: Simd, E: Real, const PANEL: usize, const WIDE: usize>(
    simd: S,
    weights: &[E],
    taps: &[usize],
    from: &[E],
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
        let x = vectors.map(|vector| unsafe { E::load(vector.add(tap)) });
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
                    E::mul_add(simd, sum, E::splat(simd, E::ONE), E::load(to))
                } else {
                    sum
                };
                E::store(to, sum);
            }
        }
    }
}

/// Adds, to each of the weights of `rows` rows, the sum over all vectors of places that begin at one of
/// `starts`, of the row's element times that of the tap's vector. Rows are `from_row` elements long; where
/// a place is none of the convolution's, they must hold zeros.
#[inline(always)]
pub(super) fn product_of_rows<S: Simd, E: Real>(
    simd: S,
    (rows_from, from_row, rows): (&[E], usize, usize),
    taps: &[usize],
    from: &[E],
    starts: &[usize],
    weights: &mut [E],
) {
    if S::REGISTER_COUNT >= 32 {
        product_of_rows_in::<S, E, 8>(
            simd,
            (rows_from, from_row, rows),
            taps,
            from,
            starts,
            weights,
        );
    } else {
        product_of_rows_in::<S, E, 4>(
            simd,
            (rows_from, from_row, rows),
            taps,
            from,
            starts,
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
    starts: &[usize],
    weights: &mut [E],
) {
    let lanes = E::lanes::<S>();
    let computed = starts.iter().max().copied().unwrap_or(0) + lanes;
    assert!(computed <= from_row && rows > 0);
    assert!((rows - 1) * from_row + computed <= rows_from.len());
    assert_eq!(weights.len(), rows * taps.len());
    let farthest = taps.iter().max().copied().unwrap_or(0);
    assert!(farthest + computed <= from.len());
    for first in (0..rows).step_by(PANEL) {
        // What is missing in the last panel is computed from its first row, and thrown away.
        let row_starts: [usize; PANEL] =
            std::array::from_fn(|i| (if first + i < rows { first + i } else { first }) * from_row);
        for (block, taps_here) in taps.chunks(TAPS).enumerate() {
            let vectors: [usize; TAPS] =
                std::array::from_fn(|i| taps_here.get(i).copied().unwrap_or(taps_here[0]));
            let mut sums = [[E::splat(simd, E::default()); TAPS]; PANEL];
            for &place in starts {
                let mut x = [E::splat(simd, E::default()); TAPS];
                for (x, vector) in x.iter_mut().zip(vectors) {
                    // SAFETY: `vector + place + lanes` is at most `farthest + computed`.
                    *x = unsafe { E::load(from.as_ptr().add(vector + place)) };
                }
                for (sums, start) in sums.iter_mut().zip(row_starts) {
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
