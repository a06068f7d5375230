//! Matrix products of linear layers, by the kernels of the crate `gemm`.
#![allow(unsafe_code)]

use gemm_common::Parallelism;
use rayon::prelude::*;

use crate::device::cpu::simd::Real;

/// A matrix in memory: elements, rows, columns, and whether it is to be read turned over.
#[derive(Clone, Copy)]
struct Matrix<'a, E> {
    elements: &'a [E],
    rows: usize,
    columns: usize,
    turned: bool,
}

impl<'a, E> Matrix<'a, E> {
    fn new(elements: &'a [E], [rows, columns]: [usize; 2]) -> Self {
        assert_eq!(elements.len(), rows * columns);
        Self {
            elements,
            rows,
            columns,
            turned: false,
        }
    }

    fn turned(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            turned: !self.turned,
            ..self
        }
    }

    /// Distances in memory: from column to column, from row to row.
    fn strides(&self) -> (isize, isize) {
        if self.turned {
            (self.rows as isize, 1)
        } else {
            (1, self.columns as isize)
        }
    }
}

/// A factor of a product: its rows, if it is the left one, or else its columns, and distances in memory.
struct Factor<E> {
    size: usize,
    first: *const E,
    /// From one row of the left factor, or column of the right one, to the next.
    outer: isize,
    /// Between the elements that are multiplied and summed up.
    inner: isize,
}

/// `to = keep * to + a b`, where `keep` is 0 or 1: some columns of it in each task.
fn multiply<E: Real>(to: &mut [E], keep: bool, a: Matrix<'_, E>, b: Matrix<'_, E>) {
    assert_eq!((to.len(), a.columns), (a.rows * b.columns, b.rows));
    if a.columns == 0 && !keep {
        // A sum of nothing.
        to.fill(E::default());
    }
    if to.is_empty() || a.columns == 0 {
        return;
    }
    let columns = columns_of_a_task(a.rows * a.columns * b.columns, b.columns);
    let to = Target {
        first: to.as_mut_ptr(),
        row: b.columns,
    };
    let tasks = b.columns.div_ceil(columns);
    each_task(tasks, |task| {
        let first = task * columns;
        let width = columns.min(b.columns - first);
        let ((a_column, a_row), (b_column, b_row)) = (a.strides(), b.strides());
        let mut padded = Vec::new();
        let (b_elements, b_column) = if b.turned && b.rows.is_multiple_of(CONFLICT) {
            // Rows whose distance is a power of two meet in few lines of the cache: move them apart.
            let row = b.rows + CONFLICT / 8;
            padded.reserve(width * row);
            for from in b.elements[first * b.rows..]
                .chunks_exact(b.rows)
                .take(width)
            {
                padded.extend_from_slice(from);
                padded.resize(padded.len() + CONFLICT / 8, E::default());
            }
            (padded.as_ptr(), row as isize)
        } else {
            // SAFETY: the first column of the task is one of the matrix.
            let start = unsafe { b.elements.as_ptr().offset(first as isize * b_column) };
            (start, b_column)
        };
        let left = Factor {
            size: a.rows,
            first: a.elements.as_ptr(),
            outer: a_row,
            inner: a_column,
        };
        let right = Factor {
            size: width,
            first: b_elements,
            outer: b_column,
            inner: b_row,
        };
        // The kernels are made for results with columns in memory. One with rows is the transpose of `b^T a^T`.
        let row = to.row as isize;
        let (left, right, to_strides) = match row {
            1 => (left, right, (1, row)),
            _ => (right, left, (row, 1)),
        };
        // SAFETY: the pointers and strides are those of matrices, turned over or not, whose sizes were
        // checked against their slices, or of the padded copy; `to` is borrowed mutably, so it overlaps
        // neither, and each task has columns of its own in it.
        unsafe {
            E::product()(
                left.size,
                right.size,
                a.columns,
                to.column(first),
                to_strides.0,
                to_strides.1,
                keep,
                left.first,
                left.inner,
                left.outer,
                right.first,
                right.outer,
                right.inner,
                E::ONE,
                E::ONE,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    });
}

/// Distance of rows, in elements, at which they begin to be in each other's way.
const CONFLICT: usize = 128;

/// Columns that fit the registers of `gemm`'s kernel.
const STEP: usize = 64;

/// How many columns of a product one task computes: a number that does not depend on the threads.
fn columns_of_a_task(multiplications: usize, columns: usize) -> usize {
    // Small products are done before a second thread has woken up.
    if multiplications < 1 << 18 {
        columns
    } else {
        columns.div_ceil(12).next_multiple_of(STEP)
    }
}

fn each_task(tasks: usize, task: impl Fn(usize) + Sync + Send) {
    if tasks == 1 {
        task(0);
    } else {
        (0..tasks).into_par_iter().for_each(task);
    }
}

/// A matrix that several tasks write, each in columns of its own.
struct Target<E> {
    first: *mut E,
    /// Elements from row to row.
    row: usize,
}

// SAFETY: the tasks write different elements; see `multiply`.
unsafe impl<E: Send> Sync for Target<E> {}
// SAFETY: as above.
unsafe impl<E: Send> Send for Target<E> {}

impl<E> Target<E> {
    /// # Safety
    /// The matrix has such a column.
    unsafe fn column(&self, column: usize) -> *mut E {
        // SAFETY: the caller's.
        unsafe { self.first.add(column) }
    }
}

/// Sizes of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) batch: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Linear {
    /// `x weight^T + bias`, and ReLU of it if `relu`.
    pub(super) fn forward<E: Real>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        relu: bool,
    ) -> Vec<E> {
        let mut y = vec![E::default(); self.batch * self.outputs];
        let x = Matrix::new(x, [self.batch, self.inputs]);
        let weight = Matrix::new(weight, [self.outputs, self.inputs]);
        multiply(&mut y, false, x, weight.turned());
        for row in y.chunks_exact_mut(self.outputs.max(1)) {
            if let Some(bias) = bias {
                row.iter_mut().zip(bias).for_each(|(y, b)| *y += *b);
            }
            if relu {
                row.iter_mut()
                    .for_each(|y| *y = if *y < E::default() { E::default() } else { *y });
            }
        }
        y
    }

    /// Adds the gradients of the weight, the bias, and the input, to those that are there; `gradient` is
    /// what comes back to the product, past ReLU.
    pub(super) fn backward<E: Real>(
        &self,
        x: &[E],
        weight: &[E],
        gradient: &[E],
        d_weight: &mut [E],
        d_bias: Option<&mut [E]>,
        d_x: Option<&mut [E]>,
    ) {
        if let Some(d_bias) = d_bias {
            for row in gradient.chunks_exact(self.outputs.max(1)) {
                d_bias.iter_mut().zip(row).for_each(|(d, g)| *d += *g);
            }
        }
        let gradient = Matrix::new(gradient, [self.batch, self.outputs]);
        let x = Matrix::new(x, [self.batch, self.inputs]);
        let mut d_weight = || multiply(d_weight, true, gradient.turned(), x);
        let Some(d_x) = d_x else {
            return d_weight();
        };
        let weight = Matrix::new(weight, [self.outputs, self.inputs]);
        rayon::join(d_weight, || multiply(d_x, true, gradient, weight));
    }
}
