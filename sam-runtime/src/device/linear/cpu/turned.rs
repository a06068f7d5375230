//! Matrices turned over, on the way into a product of rows and on the way out.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use crate::device::cpu::{buffer::written, relu::larger, simd::Real, tasks::each_part};

/// Rows of a factor that are turned over together.
pub(super) const WIDTH: usize = 128;

/// Rows and columns of a block that is turned over at once: lines of the cache.
pub(super) const BLOCK: usize = 16;

/// The matrix with columns for rows, for each [`WIDTH`] of its rows; these filled up with zeros to whole blocks.
pub(super) fn turned<E: Real>(matrix: &[E], columns: usize) -> Vec<E> {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    let len = rows.next_multiple_of(BLOCK) * columns;
    let write = |to: &mut [MaybeUninit<E>]| {
        let to_len = to.len();
        let part = (WIDTH * columns).max(1);
        let mut tasks = Vec::new();
        for (from, to) in matrix.chunks(part).zip(to.chunks_mut(part)) {
            let wide = to.len() / columns;
            let blocks = to.chunks_mut(BLOCK * wide).enumerate();
            tasks.extend(blocks.map(|(at, to)| (from, to, wide, at * BLOCK)));
        }
        each_part(&mut tasks, 8, |_, tasks| {
            for (from, to, wide, first) in tasks {
                for (block, from) in from.chunks(BLOCK * columns).enumerate() {
                    for (column, to) in to.chunks_exact_mut(*wide).enumerate() {
                        let to = &mut to[block * BLOCK..][..BLOCK];
                        let mut rows = from.chunks_exact(columns);
                        for to in to {
                            let x = rows.next().map(|row| row[*first + column]);
                            to.write(x.unwrap_or_default());
                        }
                    }
                }
            }
        });
        to_len
    };
    // SAFETY: each task writes all of its part.
    unsafe { written(len, write) }
}

/// The row of an output, of sums that lie `step` apart.
pub(super) fn finish<E: Real>(
    sums: &[E],
    step: usize,
    bias: Option<&[E]>,
    floor: E,
    y: &mut [MaybeUninit<E>],
) {
    let sums = sums.iter().step_by(step);
    match bias {
        Some(bias) => {
            for ((y, &sum), &bias) in y.iter_mut().zip(sums).zip(bias) {
                y.write(larger(floor, sum + bias));
            }
        }
        None => {
            for (y, &sum) in y.iter_mut().zip(sums) {
                y.write(larger(floor, sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_columns_and_the_rest_is_zero() {
        for (rows, columns) in [(3, 5), (16, 1), (130, 17), (300, 40), (128, 600)] {
            let matrix: Vec<f32> = (1..=rows * columns).map(|i| i as f32).collect();
            let found = turned(&matrix, columns);
            for (block, part) in found.chunks(WIDTH * columns).enumerate() {
                let wide = part.len() / columns;
                for (at, x) in part.iter().enumerate() {
                    let (row, column) = (block * WIDTH + at % wide, at / wide);
                    let expected = match row < rows {
                        true => matrix[row * columns + column],
                        false => 0.0,
                    };
                    assert_eq!(*x, expected, "{rows} x {columns}, {row}, {column}");
                }
            }
        }
    }
}
