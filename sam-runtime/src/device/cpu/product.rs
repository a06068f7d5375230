//! A product of matrices, with vectors in registers. The right factor is read row by row, and the left one element by
//! element, as they lie: of the factors of a linear layer only the input has to be turned over, and only forwards.
//!
//! Each element of the result is a sum in the order of its terms, cut every [`DEPTH`] of them. So its bits depend neither
//! on where it is in the result, nor on how that is cut into tasks.
#![allow(unsafe_code)]

use std::{cell::RefCell, mem::MaybeUninit};

use pulp::{Arch, Simd, WithSimd};

use super::{
    simd::Real,
    tile::{Terms, Tile, tile},
};

/// The left factor: its element of a row and a term lies at `row * from_row + term * from_term`, of which one is 1.
#[derive(Clone, Copy)]
pub(in crate::device) struct Left<'a, E> {
    pub(in crate::device) elements: &'a [E],
    pub(in crate::device) from_row: usize,
    pub(in crate::device) from_term: usize,
}

/// The right factor: rows side by side, one for each term.
#[derive(Clone, Copy)]
pub(in crate::device) struct Right<'a, E> {
    pub(in crate::device) elements: &'a [E],
    pub(in crate::device) from_row: usize,
    /// Whether its columns are to be copied, to lie one after the other: where rows are so far apart that they meet in few
    /// lines of the cache, and many rows of the result are made of them.
    pub(in crate::device) packed: bool,
}

/// `to = left right`, or `to += left right`.
pub(in crate::device) struct Product<'a, E> {
    pub(in crate::device) rows: usize,
    pub(in crate::device) columns: usize,
    pub(in crate::device) terms: usize,
    pub(in crate::device) left: Left<'a, E>,
    pub(in crate::device) right: Right<'a, E>,
    pub(in crate::device) to: *mut E,
    pub(in crate::device) to_row: usize,
    pub(in crate::device) add: bool,
}

/// Terms that are summed in registers; then they are added to what there is of the result.
const DEPTH: usize = 256;

/// Vectors of a row that are computed together.
const WIDE: usize = 3;

/// Elements of the largest tile that is stored apart.
const EDGE: usize = 128;

/// Computes the product.
///
/// # Safety
/// `rows` rows of `columns` elements can be written from `to` on, `to_row` apart; nobody else does at the time. If they are
/// added to, they are elements.
#[inline(always)]
pub(in crate::device) unsafe fn compute<E: Real>(product: &Product<'_, E>) {
    let &Product {
        rows,
        columns,
        terms,
        left,
        right,
        ..
    } = product;
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(left.from_row == 1 || left.from_term == 1);
    if terms > 0 {
        assert!(
            (rows - 1) * left.from_row + (terms - 1) * left.from_term < left.elements.len()
                && (terms - 1) * right.from_row + columns <= right.elements.len()
        );
    }
    Arch::new().dispatch(Computed(product));
}

struct Computed<'a, E>(&'a Product<'a, E>);

impl<E: Real> WithSimd for Computed<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: what `compute` asks for.
        unsafe {
            // As many rows as there are registers for.
            match (S::REGISTER_COUNT >= 32, self.0.left.from_term == 1) {
                (true, true) => self.0.run::<S, 8, true>(simd),
                (true, false) => self.0.run::<S, 8, false>(simd),
                (false, true) => self.0.run::<S, 4, true>(simd),
                (false, false) => self.0.run::<S, 4, false>(simd),
            }
        }
    }
}

impl<E: Real> Product<'_, E> {
    /// # Safety
    /// That of [`compute`].
    #[inline(always)]
    unsafe fn run<S: Simd, const ROWS: usize, const BY_ROWS: bool>(&self, simd: S) {
        let lanes = E::lanes::<S>();
        // Parts of like size.
        let parts = self.terms.div_ceil(DEPTH).max(1);
        let depth = self.terms.div_ceil(parts);
        for part in 0..parts {
            let start = (part * depth).min(self.terms);
            let count = depth.min(self.terms - start);
            let add = self.add || part > 0;
            let mut column = 0;
            while column < self.columns {
                let vectors = match (self.columns - column) / lanes {
                    // Rather two and two than three and one.
                    4 => 2,
                    n => n.min(WIDE),
                };
                // SAFETY: the caller's.
                unsafe {
                    match vectors {
                        3 => self.group::<S, ROWS, 3, BY_ROWS>(simd, column, (start, count), add),
                        2 => self.group::<S, ROWS, 2, BY_ROWS>(simd, column, (start, count), add),
                        1 => self.group::<S, ROWS, 1, BY_ROWS>(simd, column, (start, count), add),
                        _ => self.edge::<S, ROWS, BY_ROWS>(simd, column, (start, count), add),
                    }
                }
                column += vectors.max(1) * lanes;
            }
        }
    }

    /// The columns of `VECTORS` vectors.
    #[inline(always)]
    unsafe fn group<S: Simd, const ROWS: usize, const VECTORS: usize, const BY_ROWS: bool>(
        &self,
        simd: S,
        column: usize,
        (start, count): (usize, usize),
        add: bool,
    ) {
        let width = VECTORS * E::lanes::<S>();
        let from = self.right.elements.as_ptr().wrapping_add(column);
        // SAFETY: the factors have these elements (see `compute`), and the target has room for whole vectors here.
        unsafe {
            let target = Tile {
                row: 0,
                to: self.to.add(column),
                to_row: self.to_row,
                add,
            };
            if self.right.packed && self.rows > ROWS {
                let panel = panel::<E>(count * width);
                let mut from = from.wrapping_add(start * self.right.from_row);
                for term in 0..count {
                    for v in 0..VECTORS {
                        let at = v * E::lanes::<S>();
                        E::store(panel.add(term * width + at), E::load::<S>(from.add(at)));
                    }
                    from = from.wrapping_add(self.right.from_row);
                }
                let terms = Terms {
                    first: panel,
                    from_row: width,
                    start,
                    count,
                };
                self.column_of_tiles::<S, ROWS, VECTORS, BY_ROWS>(simd, terms, target);
            } else {
                let terms = Terms {
                    first: from.wrapping_add(start * self.right.from_row),
                    from_row: self.right.from_row,
                    start,
                    count,
                };
                self.column_of_tiles::<S, ROWS, VECTORS, BY_ROWS>(simd, terms, target);
            }
        }
    }

    /// The last columns, which are less than a vector: computed with zeros beside them, and stored one by one.
    #[inline(always)]
    unsafe fn edge<S: Simd, const ROWS: usize, const BY_ROWS: bool>(
        &self,
        simd: S,
        column: usize,
        (start, count): (usize, usize),
        add: bool,
    ) {
        let lanes = E::lanes::<S>();
        let width = self.columns - column;
        let from = self.right.elements.as_ptr().wrapping_add(column);
        let mut apart = [E::default(); EDGE];
        assert!(ROWS * lanes <= EDGE);
        // SAFETY: as in `group`; what is stored apart has room for a tile of one vector.
        unsafe {
            let panel = panel::<E>(count * lanes);
            for term in 0..count {
                let from = from.add((start + term) * self.right.from_row);
                let to = panel.add(term * lanes);
                for c in 0..lanes {
                    let x = if c < width {
                        *from.add(c)
                    } else {
                        E::default()
                    };
                    *to.add(c) = x;
                }
            }
            let terms = Terms {
                first: panel,
                from_row: lanes,
                start,
                count,
            };
            let mut row = 0;
            while row < self.rows {
                let target = Tile {
                    row,
                    to: apart.as_mut_ptr(),
                    to_row: lanes,
                    add: false,
                };
                let rows = if row + ROWS <= self.rows {
                    tile::<S, E, ROWS, 1, BY_ROWS>(simd, self.left, terms, target);
                    ROWS
                } else {
                    tile::<S, E, 1, 1, BY_ROWS>(simd, self.left, terms, target);
                    1
                };
                for (r, sums) in apart.chunks_exact(lanes).enumerate().take(rows) {
                    let to = self.to.add((row + r) * self.to_row + column);
                    for (c, &sum) in sums.iter().enumerate().take(width) {
                        let to = to.add(c);
                        *to = if add { *to + sum } else { sum };
                    }
                }
                row += rows;
            }
        }
    }

    /// All rows of the result.
    ///
    /// # Safety
    /// There are the vectors, and room for them.
    #[inline(always)]
    unsafe fn column_of_tiles<
        S: Simd,
        const ROWS: usize,
        const VECTORS: usize,
        const BY_ROWS: bool,
    >(
        &self,
        simd: S,
        terms: Terms<E>,
        target: Tile<E>,
    ) {
        let mut row = 0;
        let at = |row: usize| Tile {
            row,
            to: target.to.wrapping_add(row * self.to_row),
            ..target
        };
        // SAFETY: the caller's.
        unsafe {
            while row + ROWS <= self.rows {
                tile::<S, E, ROWS, VECTORS, BY_ROWS>(simd, self.left, terms, at(row));
                row += ROWS;
            }
            while row + 2 <= self.rows {
                tile::<S, E, 2, VECTORS, BY_ROWS>(simd, self.left, terms, at(row));
                row += 2;
            }
            if row < self.rows {
                tile::<S, E, 1, VECTORS, BY_ROWS>(simd, self.left, terms, at(row));
            }
        }
    }
}

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

thread_local! {
    /// Memory for panels, which each task needs anew.
    static PANEL: RefCell<Vec<MaybeUninit<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Memory for `len` elements, which begins at the start of a line of the cache: this thread's, until it asks for some
/// again. (Not lent to a closure, which would not be compiled for the vectors of its caller.)
fn panel<E>(len: usize) -> *mut E {
    PANEL.with_borrow_mut(|panel| {
        let lines = (len * size_of::<E>()).div_ceil(size_of::<Line>());
        if panel.len() < lines {
            panel.resize(lines, MaybeUninit::uninit());
        }
        panel.as_mut_ptr().cast()
    })
}
