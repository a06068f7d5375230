//! Matrix products of linear layers, by the crate `gemm`.
#![allow(unsafe_code)]

use gemm::{Parallelism, gemm};

use super::{norm::Incoming, simd::Real};

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

/// `to = keep * to + a b`, where `keep` is 0 or 1.
fn multiply<E: Real>(to: &mut [E], keep: bool, a: Matrix<'_, E>, b: Matrix<'_, E>) {
    assert_eq!((to.len(), a.columns), (a.rows * b.columns, b.rows));
    if to.is_empty() {
        return;
    }
    let ((a_columns, a_rows), (b_columns, b_rows)) = (a.strides(), b.strides());
    // Small products are done before a second thread has woken up.
    let parallelism = if a.rows * a.columns * b.columns < 1 << 18 {
        Parallelism::None
    } else {
        Parallelism::Rayon(0)
    };
    // SAFETY: the pointers and strides are those of row-major matrices, turned over or not, whose sizes
    // were checked against their slices; `to` is borrowed mutably, so it overlaps neither.
    unsafe {
        gemm(
            a.rows,
            b.columns,
            a.columns,
            to.as_mut_ptr(),
            1,
            b.columns as isize,
            keep,
            a.elements.as_ptr(),
            a_columns,
            a_rows,
            b.elements.as_ptr(),
            b_columns,
            b_rows,
            E::ONE,
            E::ONE,
            false,
            false,
            false,
            parallelism,
        );
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

    /// Adds the gradients of the weight, the bias, and the input, to those that are there.
    pub(super) fn backward<E: Real>(
        &self,
        x: &[E],
        weight: &[E],
        incoming: Incoming<'_, E>,
        d_weight: &mut [E],
        d_bias: Option<&mut [E]>,
        d_x: Option<&mut [E]>,
    ) {
        let masked: Vec<E>;
        let gradient = match incoming.cut {
            None => incoming.gradient,
            Some(_) => {
                masked = incoming.masked();
                &masked
            }
        };
        if let Some(d_bias) = d_bias {
            for row in gradient.chunks_exact(self.outputs.max(1)) {
                d_bias.iter_mut().zip(row).for_each(|(d, g)| *d += *g);
            }
        }
        let gradient = Matrix::new(gradient, [self.batch, self.outputs]);
        let x = Matrix::new(x, [self.batch, self.inputs]);
        multiply(d_weight, true, gradient.turned(), x);
        if let Some(d_x) = d_x {
            let weight = Matrix::new(weight, [self.outputs, self.inputs]);
            multiply(d_x, true, gradient, weight);
        }
    }
}
