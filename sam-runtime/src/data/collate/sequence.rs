//! Sequences of several lengths, as parts of samples: padded, with a mask.

use dfdx::{
    shapes::{Const, Rank2},
    tensor::{Tensor, TensorFromVec},
};

use super::{Ahead, Column, Element, Part, Tensors, element::Flat};
use crate::data::DataError;

/// A sequence of at most `L` values, such as token ids, filled up to `L`. `B` of them are two tensors: the values
/// `(B, L)`, and a mask `(B, L)` that is 1 where there is a value and 0 where there is padding.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{Class, DataLoader, InMemory, Padded};
///
/// let texts = InMemory::new(vec![
///     (Padded::<4>::new(vec![5, 6], 0)?, Class::<2>::new(0)?),
///     (Padded::new(vec![7, 8, 9], 0)?, Class::new(1)?),
/// ]);
///
/// let loader = DataLoader::<_, 2>::new(texts)?.shuffle(false);
/// for ((ids, mask), y) in loader.epoch(&Cpu::default(), 0) {
///     let _y: Tensor<Rank2<2, 2>, f32, Cpu> = y;
///     assert_eq!(ids.array(), [[5, 6, 0, 0], [7, 8, 9, 0]]);
///     assert_eq!(mask.array(), [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]]);
/// }
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Padded<const L: usize, E = usize> {
    values: Vec<E>,
    padding: E,
}

impl<const L: usize, E: Element> Padded<L, E> {
    /// These values, then `padding`.
    ///
    /// # Errors
    /// [`DataError::SequenceLength`] for more than `L` of them; see [`cut`](Self::cut).
    pub fn new(values: Vec<E>, padding: E) -> Result<Self, DataError> {
        if values.len() > L {
            return Err(DataError::SequenceLength {
                longest: L,
                found: values.len(),
            });
        }
        Ok(Self { values, padding })
    }

    /// The first `L` of these values, then `padding`.
    pub fn cut(mut values: Vec<E>, padding: E) -> Self {
        values.truncate(L);
        Self { values, padding }
    }

    /// The values, without padding.
    pub fn values(&self) -> &[E] {
        &self.values
    }
}

impl<const L: usize, E: Element> Part for Padded<L, E> {
    type Column = (Flat<E>, Flat<f32>);

    fn column(rows: usize) -> Self::Column {
        (Flat::new(rows, L), Flat::new(rows, L))
    }

    fn put(self, (values, mask): &mut (&mut [E], &mut [f32]), row: usize) {
        let len = self.values.len();
        let (values, mask) = (&mut values[row * L..][..L], &mut mask[row * L..][..L]);
        values[..len].copy_from_slice(&self.values);
        values[len..].fill(self.padding);
        mask[..len].fill(1.0);
    }
}

impl<const L: usize, E: Element, D> Tensors<D> for Padded<L, E>
where
    D: TensorFromVec<E> + TensorFromVec<f32>,
{
    type Batch<const B: usize> = (Tensor<Rank2<B, L>, E, D>, Tensor<Rank2<B, L>, f32, D>);
    type Chunk = (
        Tensor<(usize, Const<L>), E, D>,
        Tensor<(usize, Const<L>), f32, D>,
    );

    fn batch<const B: usize>(
        (values, mask): Self::Column,
        device: &D,
    ) -> Result<Self::Batch<B>, DataError> {
        let shape = Default::default();
        Ok((values.tensor(device, shape)?, mask.tensor(device, shape)?))
    }

    fn chunk((values, mask): Self::Column, device: &D) -> Result<Self::Chunk, DataError> {
        let shape = (values.rows(), Const);
        Ok((values.tensor(device, shape)?, mask.tensor(device, shape)?))
    }
}

/// A sequence of any length, filled up to that of the longest one of its batch. `B` of them are two tensors: the values
/// `(B, usize)`, and a mask of that shape that is 1 where there is a value and 0 where there is padding.
///
/// A batch whose sequences are all empty has the length 0.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{DataLoader, InMemory, Ragged};
///
/// let series = [vec![0.5], vec![1.5, 2.5], vec![]];
/// let series: InMemory<_> = series.into_iter().map(|s| (Ragged::new(s, 0.0_f32), 1.0_f32)).collect();
/// let loader = DataLoader::<_, 3>::new(series)?.shuffle(false);
/// for ((values, mask), _y) in loader.epoch(&Cpu::default(), 0) {
///     assert_eq!(values.as_vec(), [0.5, 0.0, 1.5, 2.5, 0.0, 0.0]);
///     let lengths: Tensor<Rank1<3>, f32, Cpu> = mask.sum();
///     assert_eq!(lengths.array(), [1.0, 2.0, 0.0]);
/// }
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ragged<E = usize> {
    values: Vec<E>,
    padding: E,
}

impl<E: Element> Ragged<E> {
    /// These values; in a batch of longer ones, then `padding`.
    pub fn new(values: Vec<E>, padding: E) -> Self {
        Self { values, padding }
    }

    /// The values, without padding.
    pub fn values(&self) -> &[E] {
        &self.values
    }
}

impl<E: Element> Part for Ragged<E> {
    type Column = Rows<E>;

    fn column(rows: usize) -> Rows<E> {
        Rows {
            rows: vec![(Vec::new(), E::default()); rows],
        }
    }

    fn put(self, slots: &mut &mut [Row<E>], row: usize) {
        slots[row] = (self.values, self.padding);
    }
}

/// A sequence and what fills it up.
type Row<E> = (Vec<E>, E);

/// Sequences as they are; they are padded where their batch becomes tensors.
#[doc(hidden)]
pub struct Rows<E> {
    rows: Vec<Row<E>>,
}

impl<E: Element> Rows<E> {
    /// Values and mask, and how long a row is.
    fn padded(self) -> (Flat<E>, Flat<f32>, usize) {
        let rows = self.rows.len();
        let lengths = self.rows.iter().map(|(values, _)| values.len());
        let longest = lengths.max().unwrap_or(0);
        let mut all = Vec::with_capacity(rows * longest);
        let mut mask = vec![0.0; rows * longest];
        for (row, (values, padding)) in self.rows.into_iter().enumerate() {
            mask[row * longest..][..values.len()].fill(1.0);
            all.extend_from_slice(&values);
            all.resize((row + 1) * longest, padding);
        }
        let mask = Flat::of(mask, rows, longest);
        (Flat::of(all, rows, longest), mask, longest)
    }
}

impl<E: Element, D> Tensors<D> for Ragged<E>
where
    D: TensorFromVec<E> + TensorFromVec<f32>,
{
    type Batch<const B: usize> = (
        Tensor<(Const<B>, usize), E, D>,
        Tensor<(Const<B>, usize), f32, D>,
    );
    type Chunk = (Tensor<(usize, usize), E, D>, Tensor<(usize, usize), f32, D>);

    fn batch<const B: usize>(column: Rows<E>, device: &D) -> Result<Self::Batch<B>, DataError> {
        let (values, mask, longest) = column.padded();
        let shape = (Const, longest);
        Ok((values.tensor(device, shape)?, mask.tensor(device, shape)?))
    }

    fn chunk(column: Rows<E>, device: &D) -> Result<Self::Chunk, DataError> {
        let (values, mask, longest) = column.padded();
        let shape = (values.rows(), longest);
        Ok((values.tensor(device, shape)?, mask.tensor(device, shape)?))
    }
}

impl<E: Element> Column for Rows<E> {
    type Slots<'a> = &'a mut [Row<E>];

    fn slots(&mut self, size: usize) -> Vec<&mut [Row<E>]> {
        self.rows.chunks_mut(size).collect()
    }

    /// None: rows of several lengths are no matrix of inputs.
    fn numbers(&mut self) -> &mut [f32] {
        &mut []
    }

    fn send(&mut self, _: &mut dyn FnMut(&[f32]) -> Option<Ahead>) {}

    fn digest(&self, sum: &mut dyn FnMut(&[u8])) {
        for (values, padding) in &self.rows {
            sum(&(values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| value.digest(sum));
            padding.digest(sum);
        }
    }
}
