//! A batch into chunks of `m` samples, each of which gets its own perturbation (m-sharpness,
//! section 4.1 of the paper).

use std::fmt::Debug;

use dfdx::{
    shapes::{Const, Dim, Shape, Unit},
    tensor::{Storage, Tensor, TensorFromVec},
};

use super::StepError;
use crate::{
    device,
    nn::loss::{
        BinaryCrossEntropyLoss, BinaryFocalLoss, CrossEntropyLoss, DistillationLoss, FocalLoss,
        HuberLoss,
    },
};

/// A value that can be cut into chunks of `M` samples: tensors and `Vec`s along their first
/// dimension, tuples part by part; numbers and other values without samples are copied.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cut into chunks of {M} samples",
    label = "used by the forward pass or the loss, and bound inside the loop",
    note = "tensors, `Vec`s, tuples of them and numbers can be cut; name what is to be cut with `split = [..]`, or leave out `m`",
    note = "see `errors/batch-cannot-be-split` in sam-train's guide"
)]
pub trait SplitBatch<const M: usize> {
    /// The value for one chunk.
    type Chunk: Clone;

    /// The number of samples where the type says it.
    const STATIC_ROWS: Option<usize> = None;

    /// The number of samples; `None` for a value that is copied.
    fn rows(&self) -> Option<usize>;

    /// The values for chunks with these numbers of samples, which add up to [`Self::rows`].
    fn split(&self, rows: &[usize]) -> Result<Vec<Self::Chunk>, StepError>;
}

/// A value that says how large the batch is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says nothing about the size of the batch, so `m` can't cut it",
    label = "traced by the forward pass",
    note = "trace a tensor whose first dimension is the batch, or leave out `m`",
    note = "see `errors/input-without-rows` in sam-train's guide"
)]
pub trait Batch<const M: usize>: SplitBatch<M> {
    /// The first dimension of the batch.
    type Rows: Dim;
    /// The first dimension of a chunk.
    type ChunkRows: Dim;
}

/// The sizes of the chunks of a batch of `batch`: `m`, and a smaller last one where it must be.
pub(crate) fn chunk_rows(batch: usize, m: usize) -> Vec<usize> {
    (0..batch)
        .step_by(m)
        .map(|start| m.min(batch - start))
        .collect()
}

/// Cuts `value` for a batch whose chunks have these sizes.
pub(crate) fn split_beside<const M: usize, T: SplitBatch<M>>(
    value: &T,
    rows: &[usize],
) -> Result<Vec<T::Chunk>, StepError> {
    let expected = rows.iter().sum();
    match value.rows() {
        Some(found) if found != expected => Err(StepError::Rows { expected, found }),
        _ => value.split(rows),
    }
}

/// The first dimension of a chunk: static where the batch's is.
pub trait ChunkDim<const M: usize>: Dim {
    /// `Const<M>` or `usize`.
    type Chunk: Dim;
    /// The size, where it is static.
    const SIZE: Option<usize>;
}

impl<const M: usize, const B: usize> ChunkDim<M> for Const<B> {
    type Chunk = Const<M>;
    const SIZE: Option<usize> = Some(B);
}

impl<const M: usize> ChunkDim<M> for usize {
    type Chunk = usize;
    const SIZE: Option<usize> = None;
}

macro_rules! split_tensor {
    ($($dim:ident)*) => {
        impl<const M: usize, B, $($dim,)* E, D> SplitBatch<M> for Tensor<(B, $($dim,)*), E, D>
        where
            B: ChunkDim<M>,
            $($dim: Dim,)*
            (B, $($dim,)*): Shape,
            (B::Chunk, $($dim,)*): Shape<Concrete = <(B, $($dim,)*) as Shape>::Concrete>,
            E: Unit,
            D: Storage<E> + TensorFromVec<E>,
        {
            type Chunk = Tensor<(B::Chunk, $($dim,)*), E, D>;
            const STATIC_ROWS: Option<usize> = B::SIZE;

            fn rows(&self) -> Option<usize> {
                Some(shape_of(self)[0])
            }

            fn split(&self, rows: &[usize]) -> Result<Vec<Self::Chunk>, StepError> {
                if rows.is_empty() {
                    // dfdx can't read a tensor without elements.
                    return Ok(Vec::new());
                }
                let mut sizes = shape_of(self);
                let mut shapes = Vec::with_capacity(rows.len());
                for &rows in rows {
                    sizes[0] = rows;
                    match <(B::Chunk, $($dim,)*)>::from_concrete(&sizes) {
                        Some(shape) => shapes.push(shape),
                        None => return Err(StepError::Rows { expected: M, found: rows }),
                    }
                }
                device::split(self, rows, shapes).map_err(StepError::device)
            }
        }

        impl<const M: usize, B, $($dim,)* E, D> Batch<M> for Tensor<(B, $($dim,)*), E, D>
        where
            Self: SplitBatch<M>,
            B: ChunkDim<M>,
            $($dim: Dim,)*
            (B, $($dim,)*): Shape,
            E: Unit,
            D: Storage<E>,
        {
            type Rows = B;
            type ChunkRows = B::Chunk;
        }
    };
}

split_tensor!();
split_tensor!(D1);
split_tensor!(D1 D2);
split_tensor!(D1 D2 D3);
split_tensor!(D1 D2 D3 D4);
split_tensor!(D1 D2 D3 D4 D5);

fn shape_of<S: Shape, E: Unit, D: Storage<E>>(tensor: &Tensor<S, E, D>) -> S::Concrete {
    dfdx::shapes::HasShape::shape(tensor).concrete()
}

/// A scalar tensor has no samples.
impl<const M: usize, E: Unit, D: Storage<E>> SplitBatch<M> for Tensor<(), E, D> {
    type Chunk = Self;

    fn rows(&self) -> Option<usize> {
        None
    }

    fn split(&self, rows: &[usize]) -> Result<Vec<Self>, StepError> {
        Ok(vec![self.clone(); rows.len()])
    }
}

impl<const M: usize, T: Clone + Debug> SplitBatch<M> for Vec<T> {
    type Chunk = Self;

    fn rows(&self) -> Option<usize> {
        Some(self.len())
    }

    fn split(&self, rows: &[usize]) -> Result<Vec<Self>, StepError> {
        let mut rest = self.as_slice();
        let chunk = |&rows: &usize| {
            let (chunk, after) = rest.split_at(rows);
            rest = after;
            chunk.to_vec()
        };
        Ok(rows.iter().map(chunk).collect())
    }
}

impl<const M: usize, T: Clone + Debug> Batch<M> for Vec<T> {
    type Rows = usize;
    type ChunkRows = usize;
}

impl<const M: usize, T: SplitBatch<M>> SplitBatch<M> for &T {
    type Chunk = T::Chunk;
    const STATIC_ROWS: Option<usize> = T::STATIC_ROWS;

    fn rows(&self) -> Option<usize> {
        T::rows(self)
    }

    fn split(&self, rows: &[usize]) -> Result<Vec<T::Chunk>, StepError> {
        T::split(self, rows)
    }
}

impl<const M: usize, T: Batch<M>> Batch<M> for &T {
    type Rows = T::Rows;
    type ChunkRows = T::ChunkRows;
}

impl<const M: usize, T: SplitBatch<M>> SplitBatch<M> for Option<T> {
    type Chunk = Option<T::Chunk>;

    fn rows(&self) -> Option<usize> {
        self.as_ref().and_then(T::rows)
    }

    fn split(&self, rows: &[usize]) -> Result<Vec<Self::Chunk>, StepError> {
        match self {
            Some(value) => Ok(value.split(rows)?.into_iter().map(Some).collect()),
            None => Ok(rows.iter().map(|_| None).collect()),
        }
    }
}

macro_rules! split_tuple {
    ($first:ident $($part:ident)* | $($index:tt)*) => {
        impl<const M: usize, $first: SplitBatch<M>, $($part: SplitBatch<M>,)*> SplitBatch<M>
            for ($first, $($part,)*)
        {
            type Chunk = ($first::Chunk, $($part::Chunk,)*);
            const STATIC_ROWS: Option<usize> = $first::STATIC_ROWS;

            fn rows(&self) -> Option<usize> {
                self.0.rows()$(.or(self.$index.rows()))*
            }

            fn split(&self, rows: &[usize]) -> Result<Vec<Self::Chunk>, StepError> {
                #[allow(non_snake_case)]
                let ($first, $($part,)*) = (
                    split_beside(&self.0, rows)?,
                    $(split_beside(&self.$index, rows)?,)*
                );
                #[allow(non_snake_case)]
                let ($(mut $part,)*) = ($($part.into_iter(),)*);
                let chunk = |first| ($first::Chunk::from(first), $($part.next().expect("one for each chunk"),)*);
                Ok($first.into_iter().map(chunk).collect())
            }
        }

        impl<const M: usize, $first: Batch<M>, $($part: SplitBatch<M>,)*> Batch<M>
            for ($first, $($part,)*)
        {
            type Rows = $first::Rows;
            type ChunkRows = $first::ChunkRows;
        }
    };
}

split_tuple!(T0 T1 | 1);
split_tuple!(T0 T1 T2 | 1 2);
split_tuple!(T0 T1 T2 T3 | 1 2 3);
split_tuple!(T0 T1 T2 T3 T4 | 1 2 3 4);
split_tuple!(T0 T1 T2 T3 T4 T5 | 1 2 3 4 5);

macro_rules! copied {
    ($($type:ty)*) => {$(
        impl<const M: usize> SplitBatch<M> for $type {
            type Chunk = Self;

            fn rows(&self) -> Option<usize> {
                None
            }

            fn split(&self, rows: &[usize]) -> Result<Vec<Self>, StepError> {
                Ok(vec![self.clone(); rows.len()])
            }
        }
    )*};
}

copied!(dfdx::tensor::Cpu f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String &'static str);
// Losses with their settings, of which none is a sample's.
copied!(CrossEntropyLoss FocalLoss BinaryCrossEntropyLoss BinaryFocalLoss HuberLoss DistillationLoss);

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
