//! Numbers of a static shape, as parts of a sample.

use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, ConstShape, Rank1, Rank2},
    tensor::{Tensor, TensorFromVec},
};

use super::{Element, Part, Tensors, element::Flat};
use crate::data::{BatchShape, DataError};

/// Numbers of the static shape `S`, flat in row-major order: an input, or a target of any kind. `B` of them are a tensor
/// `(B, S...)`.
///
/// ```
/// use sam_runtime::{data::Values, dfdx::shapes::Rank2};
///
/// let picture = Values::<Rank2<2, 3>>::new(vec![0.5; 6])?;
/// assert_eq!(picture.numbers().len(), 6);
/// assert!(Values::<Rank2<2, 3>>::new(vec![0.5; 7]).is_err());
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Values<S, E = f32> {
    numbers: Vec<E>,
    shape: PhantomData<S>,
}

impl<S: ConstShape, E> Values<S, E> {
    /// These numbers, row-major.
    ///
    /// # Errors
    /// [`DataError::InputLength`] unless there are `S::NUMEL` of them.
    pub fn new(numbers: Vec<E>) -> Result<Self, DataError> {
        if numbers.len() != S::NUMEL {
            return Err(DataError::InputLength {
                expected: S::NUMEL,
                found: numbers.len(),
            });
        }
        Ok(Self::of_right_length(numbers))
    }
}

impl<S, E> Values<S, E> {
    /// Of numbers that were counted before.
    pub(in crate::data) fn of_right_length(numbers: Vec<E>) -> Self {
        Self {
            numbers,
            shape: PhantomData,
        }
    }

    /// The `S::NUMEL` numbers, row-major.
    pub fn numbers(&self) -> &[E] {
        &self.numbers
    }

    /// The numbers, to be changed in place.
    pub fn numbers_mut(&mut self) -> &mut [E] {
        &mut self.numbers
    }
}

impl<S: BatchShape, E: Element> Part for Values<S, E> {
    type Column = Flat<E>;

    fn column(rows: usize) -> Flat<E> {
        Flat::new(rows, S::NUMEL)
    }

    fn put(self, slots: &mut &mut [E], row: usize) {
        slots[row * S::NUMEL..][..S::NUMEL].copy_from_slice(&self.numbers);
    }
}

impl<S: BatchShape, E: Element, D: TensorFromVec<E>> Tensors<D> for Values<S, E> {
    type Batch<const B: usize> = Tensor<S::Static<B>, E, D>;
    type Chunk = Tensor<S::Dynamic, E, D>;

    fn batch<const B: usize>(column: Flat<E>, device: &D) -> Result<Self::Batch<B>, DataError> {
        column.tensor(device, Default::default())
    }

    fn chunk(column: Flat<E>, device: &D) -> Result<Self::Chunk, DataError> {
        let shape = S::dynamic(column.rows());
        column.tensor(device, shape)
    }
}

// The error is about the array, not about a trait of its numbers.
#[diagnostic::do_not_recommend]
impl<E: Element, const N: usize> Part for [E; N] {
    type Column = Flat<E>;

    fn column(rows: usize) -> Flat<E> {
        Flat::new(rows, N)
    }

    fn put(self, slots: &mut &mut [E], row: usize) {
        slots[row * N..][..N].copy_from_slice(&self);
    }
}

impl<E: Element, const N: usize, D: TensorFromVec<E>> Tensors<D> for [E; N] {
    type Batch<const B: usize> = Tensor<Rank2<B, N>, E, D>;
    type Chunk = Tensor<(usize, Const<N>), E, D>;

    fn batch<const B: usize>(column: Flat<E>, device: &D) -> Result<Self::Batch<B>, DataError> {
        column.tensor(device, Default::default())
    }

    fn chunk(column: Flat<E>, device: &D) -> Result<Self::Chunk, DataError> {
        let shape = (column.rows(), Const);
        column.tensor(device, shape)
    }
}

macro_rules! single_number {
    ($($E:ty),*) => {$(
        impl Part for $E {
            type Column = Flat<$E>;

            fn column(rows: usize) -> Flat<$E> {
                Flat::new(rows, 1)
            }

            fn put(self, slots: &mut &mut [$E], row: usize) {
                slots[row] = self;
            }
        }

        impl<D: TensorFromVec<$E>> Tensors<D> for $E {
            type Batch<const B: usize> = Tensor<Rank1<B>, $E, D>;
            type Chunk = Tensor<(usize,), $E, D>;

            fn batch<const B: usize>(
                column: Flat<$E>,
                device: &D,
            ) -> Result<Self::Batch<B>, DataError> {
                column.tensor(device, Default::default())
            }

            fn chunk(column: Flat<$E>, device: &D) -> Result<Self::Chunk, DataError> {
                let shape = (column.rows(),);
                column.tensor(device, shape)
            }
        }
    )*};
}
single_number!(f32, f64, usize, bool);
