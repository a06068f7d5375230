//! Products of pieces of memory and rows of vectors, in registers.
#![allow(unsafe_code)]

use pulp::Simd;

use crate::device::cpu::simd::Real;

/// Terms that are added one after the other without a jump.
const TOGETHER: usize = 4;

/// Rows of a block of the result, and vectors of its columns.
pub(super) type Sums<S, E, const HIGH: usize, const WIDE: usize> =
    [[<E as Real>::Lanes<S>; WIDE]; HIGH];

/// Rows that are pieces of memory, `step` elements from one row to the next.
#[derive(Clone, Copy)]
pub(super) struct Pieces<'a, E> {
    pub(super) first: *const E,
    pub(super) step: usize,
    /// Where a row's pieces begin.
    pub(super) starts: &'a [usize],
    /// Elements of a piece.
    pub(super) len: usize,
}

/// The product of rows and of a matrix with a row of vectors for each of their elements.
///
/// # Safety
/// All can be read: `HIGH` rows, and `WIDE` vectors of each row of `right`.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, E: Real, const HIGH: usize, const WIDE: usize>(
    simd: S,
    left: Pieces<'_, E>,
    (right, row): (*const E, usize),
) -> Sums<S, E, HIGH, WIDE> {
    let mut sums = [[E::splat(simd, E::default()); WIDE]; HIGH];
    let mut right = right;
    for &start in left.starts {
        let mut at = left.first.wrapping_add(start);
        let mut rest = left.len;
        // Addresses are computed for several terms together: else that takes from the multiplications.
        while rest >= TOGETHER {
            for term in 0..TOGETHER {
                let right = right.wrapping_add(term * row);
                // SAFETY: the caller's.
                unsafe { add_term(simd, &mut sums, at.wrapping_add(term), left.step, right) };
            }
            at = at.wrapping_add(TOGETHER);
            right = right.wrapping_add(TOGETHER * row);
            rest -= TOGETHER;
        }
        for _ in 0..rest {
            // SAFETY: the caller's.
            unsafe { add_term(simd, &mut sums, at, left.step, right) };
            at = at.wrapping_add(1);
            right = right.wrapping_add(row);
        }
    }
    sums
}

/// Sums over all places of an image, (high, wide), of products of `HIGH` elements side by side and the vectors there.
#[derive(Clone, Copy)]
pub(super) struct Places<E> {
    pub(super) left: *const E,
    /// From one place of `left` to the one below, and to the next.
    pub(super) steps: [usize; 2],
    pub(super) right: *const E,
    /// From one place of `right` to the next.
    pub(super) row: usize,
    pub(super) size: [usize; 2],
}

/// Adds the sums to those that there are.
///
/// # Safety
/// All can be read.
#[inline(always)]
pub(super) unsafe fn add_over_places<S: Simd, E: Real, const HIGH: usize, const WIDE: usize>(
    simd: S,
    places: Places<E>,
    sums: &mut Sums<S, E, HIGH, WIDE>,
) {
    let mut right = places.right;
    for y in 0..places.size[0] {
        let mut left = places.left.wrapping_add(y * places.steps[0]);
        for _ in 0..places.size[1] {
            // SAFETY: the caller's.
            unsafe { add_term(simd, sums, left, 1, right) };
            left = left.wrapping_add(places.steps[1]);
            right = right.wrapping_add(places.row);
        }
    }
}

/// Adds the products of `HIGH` elements, `step` apart, and `WIDE` vectors.
#[inline(always)]
unsafe fn add_term<S: Simd, E: Real, const HIGH: usize, const WIDE: usize>(
    simd: S,
    sums: &mut Sums<S, E, HIGH, WIDE>,
    left: *const E,
    step: usize,
    right: *const E,
) {
    let mut vectors = [E::splat(simd, E::default()); WIDE];
    for (v, vector) in vectors.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *vector = unsafe { E::load::<S>(right.add(v * E::lanes::<S>())) };
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let x = E::splat(simd, unsafe { *left.wrapping_add(i * step) });
        for (sum, &vector) in sums.iter_mut().zip(&vectors) {
            *sum = E::mul_add(simd, x, vector, *sum);
        }
    }
}

/// Blocks of a result for the registers that there are: calls `$run::<HIGH, WIDE>(first column)` for each block of columns.
macro_rules! by_columns {
    ($S:ident, $columns:expr, $lanes:expr, |$first:ident, $high:ident, $wide:ident| $run:expr) => {
        for $first in (0..$columns).step_by(2 * $lanes) {
            macro_rules! run {
                ($h:literal, $w:literal) => {{
                    const $high: usize = $h;
                    const $wide: usize = $w;
                    $run
                }};
            }
            let wide = $columns - $first > $lanes;
            // Decided before it is compiled: the other half is not.
            if const { $S::REGISTER_COUNT >= 32 } {
                if wide { run!(8, 2) } else { run!(16, 1) }
            } else {
                if wide { run!(4, 2) } else { run!(8, 1) }
            }
        }
    };
}

pub(super) use by_columns;

/// The most rows of a block.
pub(super) const HIGHEST: usize = 16;
