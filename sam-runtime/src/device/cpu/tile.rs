//! A block of a product, in registers.
#![allow(unsafe_code)]

use pulp::Simd;

use super::{product::Left, simd::Real};

/// Terms that are added one after the other without a jump.
const TOGETHER: usize = 4;

/// The rows of the right factor that a tile reads: a vector of each can be read at each of its vectors.
#[derive(Clone, Copy)]
pub(super) struct Terms<E> {
    pub(super) first: *const E,
    pub(super) from_row: usize,
    pub(super) start: usize,
    pub(super) count: usize,
}

/// Where a tile goes.
#[derive(Clone, Copy)]
pub(super) struct Tile<E> {
    pub(super) row: usize,
    pub(super) to: *mut E,
    pub(super) to_row: usize,
    pub(super) add: bool,
}

/// One block of the result.
///
/// # Safety
/// There are these rows, the vectors, and room for them.
#[inline(always)]
pub(super) unsafe fn tile<
    S: Simd,
    E: Real,
    const ROWS: usize,
    const VECTORS: usize,
    const BY_ROWS: bool,
>(
    simd: S,
    left: Left<'_, E>,
    terms: Terms<E>,
    target: Tile<E>,
) {
    let lanes = E::lanes::<S>();
    let Left {
        elements,
        from_row,
        from_term,
    } = left;
    // One of them is 1: the compiler is to know.
    let (from_row, from_term) = match BY_ROWS {
        true => (from_row, 1),
        false => (1, from_term),
    };
    let at = target.row * from_row + terms.start * from_term;
    let (mut left, mut right) = (elements.as_ptr().wrapping_add(at), terms.first);
    let mut sums = [[E::splat(simd, E::default()); VECTORS]; ROWS];
    let mut rest = terms.count;
    // Addresses are computed for several terms together: else that takes from the multiplications.
    while rest >= TOGETHER {
        for term in 0..TOGETHER {
            let left = left.wrapping_add(term * from_term);
            let right = right.wrapping_add(term * terms.from_row);
            // SAFETY: the caller's.
            unsafe { add_term::<S, E, ROWS, VECTORS>(simd, &mut sums, (left, from_row), right) };
        }
        left = left.wrapping_add(TOGETHER * from_term);
        right = right.wrapping_add(TOGETHER * terms.from_row);
        rest -= TOGETHER;
    }
    for _ in 0..rest {
        // SAFETY: the caller's.
        unsafe { add_term::<S, E, ROWS, VECTORS>(simd, &mut sums, (left, from_row), right) };
        left = left.wrapping_add(from_term);
        right = right.wrapping_add(terms.from_row);
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let to = target.to.add(r * target.to_row + v * lanes);
                let sum = if target.add {
                    E::mul_add(simd, sum, E::splat(simd, E::ONE), E::load::<S>(to))
                } else {
                    sum
                };
                E::store(to, sum);
            }
        }
    }
}

/// Adds the products of one term.
///
/// # Safety
/// `ROWS` elements can be read, `from_row` apart, and `VECTORS` vectors.
#[inline(always)]
unsafe fn add_term<S: Simd, E: Real, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    sums: &mut [[E::Lanes<S>; VECTORS]; ROWS],
    (left, from_row): (*const E, usize),
    right: *const E,
) {
    // SAFETY: the caller's.
    let vectors: [_; VECTORS] =
        std::array::from_fn(|v| unsafe { E::load::<S>(right.add(v * E::lanes::<S>())) });
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let factor = E::splat(simd, unsafe { *left.wrapping_add(row * from_row) });
        for (sum, &vector) in sums.iter_mut().zip(&vectors) {
            *sum = E::mul_add(simd, factor, vector, *sum);
        }
    }
}
