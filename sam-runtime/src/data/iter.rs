//! The iterators over batches: one epoch's, and those over a whole data set in order.

use std::iter::FusedIterator;

use dfdx::tensor::TensorFromVec;

use super::batch::HostBatch;
use super::{Batch, BatchShape, Chunk, DataError, Dataset, Draw, Plain, Sample, Transform};

/// All samples of `dataset` on `device`, each once and in order, `size` at a time: inputs
/// `(n, S...)` and one-hot targets `(n, CLASSES)` with `n` known at run time.
///
/// The last chunk holds what is left. This is what an accuracy is measured on.
///
/// # Panics
/// If `size` is 0. The iterator panics with the error's text where [`try_chunks`] gives one.
pub fn chunks<'a, Ds, S, D, const CLASSES: usize>(
    dataset: &'a Ds,
    device: &D,
    size: usize,
) -> OrPanic<TryChunks<'a, Ds, D>>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    D: TensorFromVec<f32>,
{
    OrPanic(try_chunks(dataset, device, size))
}

/// As [`chunks`], giving errors instead of panicking.
///
/// # Panics
/// If `size` is 0.
pub fn try_chunks<'a, Ds, S, D, const CLASSES: usize>(
    dataset: &'a Ds,
    device: &D,
    size: usize,
) -> TryChunks<'a, Ds, D>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    D: TensorFromVec<f32>,
{
    assert!(size > 0, "a chunk needs at least one sample");
    TryChunks {
        dataset,
        device: device.clone(),
        size,
        at: 0,
    }
}

/// The batches of one epoch, or what went wrong; see [`DataLoader::try_epoch`](super::DataLoader::try_epoch).
#[derive(Clone, Debug)]
pub struct TryEpoch<'a, Ds, D, const B: usize, T = Plain> {
    dataset: &'a Ds,
    transform: &'a T,
    device: D,
    order: Vec<usize>,
    /// The loader's seed, the epoch and the number of the next batch.
    next: Draw,
}

impl<'a, Ds, D: Clone, const B: usize, T> TryEpoch<'a, Ds, D, B, T> {
    /// Batches of `dataset`, transformed, that take their samples in `order`; `first` names the
    /// first of them.
    pub(super) fn new(
        dataset: &'a Ds,
        transform: &'a T,
        device: &D,
        order: Vec<usize>,
        first: Draw,
    ) -> Self {
        Self {
            dataset,
            transform,
            device: device.clone(),
            order,
            next: first,
        }
    }
}

impl<Ds, S, D, const CLASSES: usize, const B: usize, T> TryEpoch<'_, Ds, D, B, T>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    D: TensorFromVec<f32>,
    T: Transform<Ds>,
{
    fn batch(&self, indices: &[usize]) -> Result<Batch<S, CLASSES, B, D>, DataError> {
        let mut batch = HostBatch::read(indices, |index| {
            let draw = Draw { index, ..self.next };
            self.transform.sample(self.dataset, draw)
        })?;
        let (inputs, targets) = batch.rows_mut();
        self.transform.batch(inputs, targets, B, self.next);
        batch.into_batch(&self.device)
    }
}

impl<Ds, S, D, const CLASSES: usize, const B: usize, T> Iterator for TryEpoch<'_, Ds, D, B, T>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    D: TensorFromVec<f32>,
    T: Transform<Ds>,
{
    type Item = Result<Batch<S, CLASSES, B, D>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let indices = self.order.chunks_exact(B).nth(self.next.index)?;
        let batch = self.batch(indices);
        self.next.index += 1;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.order.len() / B - self.next.index;
        (left, Some(left))
    }
}

/// A whole data set in order, or what went wrong; see [`try_chunks`].
#[derive(Clone, Debug)]
pub struct TryChunks<'a, Ds, D> {
    dataset: &'a Ds,
    device: D,
    size: usize,
    /// The next sample.
    at: usize,
}

impl<Ds, S, D, const CLASSES: usize> Iterator for TryChunks<'_, Ds, D>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    D: TensorFromVec<f32>,
{
    type Item = Result<Chunk<S, CLASSES, D>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let n = self.size.min(self.dataset.len() - self.at);
        if n == 0 {
            return None;
        }
        let indices: Vec<usize> = (self.at..self.at + n).collect();
        self.at += n;
        let batch = HostBatch::read(&indices, |index| self.dataset.get(index));
        Some(batch.and_then(|batch| batch.into_chunk(&self.device, n)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.dataset.len() - self.at).div_ceil(self.size);
        (left, Some(left))
    }
}

/// Turns an iterator of results into one of values that panics with the error's text.
#[derive(Clone, Debug)]
pub struct OrPanic<I>(I);

impl<I> OrPanic<I> {
    pub(super) fn new(results: I) -> Self {
        Self(results)
    }
}

impl<I, T> Iterator for OrPanic<I>
where
    I: Iterator<Item = Result<T, DataError>>,
{
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0
            .next()
            .map(|item| item.unwrap_or_else(|error| panic!("{error}")))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<Ds, D, const B: usize, T> ExactSizeIterator for TryEpoch<'_, Ds, D, B, T> where Self: Iterator {}
impl<Ds, D, const B: usize, T> FusedIterator for TryEpoch<'_, Ds, D, B, T> where Self: Iterator {}
impl<Ds, D> ExactSizeIterator for TryChunks<'_, Ds, D> where Self: Iterator {}
impl<Ds, D> FusedIterator for TryChunks<'_, Ds, D> where Self: Iterator {}
impl<I: ExactSizeIterator> ExactSizeIterator for OrPanic<I> where Self: Iterator {}
impl<I: FusedIterator> FusedIterator for OrPanic<I> where Self: Iterator {}
