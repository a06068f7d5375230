//! The groups of a convolution, whose matrices lie beside each other.

use crate::device::cuda::product::Matrix;

/// One group of a convolution: its outputs, and its rows of the windows' matrix.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) index: usize,
    pub(super) outputs: usize,
    pub(super) rows: usize,
    pub(super) places: usize,
    pub(super) groups: usize,
}

impl Group {
    /// The group's matrix of `rows` x `row` numbers, among those of all groups of an image.
    fn matrix<E>(&self, start: u64, rows: usize, row: usize) -> Matrix {
        Matrix {
            at: start + (self.index * rows * row * size_of::<E>()) as u64,
            turned: false,
            row,
            next: self.groups * rows * row,
        }
    }

    /// The same for each image.
    pub(super) fn weight<E>(&self, weight: u64) -> Matrix {
        Matrix {
            next: 0,
            ..self.matrix::<E>(weight, self.outputs, self.rows)
        }
    }

    pub(super) fn columns<E>(&self, columns: u64) -> Matrix {
        self.matrix::<E>(columns, self.rows, self.places)
    }

    /// What is put out, or its gradient.
    pub(super) fn outputs<E>(&self, y: u64) -> Matrix {
        self.matrix::<E>(y, self.outputs, self.places)
    }
}
