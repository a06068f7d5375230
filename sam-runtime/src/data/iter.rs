//! The iterators over batches: one epoch's, and those over a whole data set in order.

use std::{any::Any, iter::FusedIterator, sync::Arc};

use dfdx::tensor::Cpu;
use rand::RngCore;

use super::{
    Collate, DataError, Dataset, Plain, Tensors, Transform,
    batch::{HostBatch, PartsOf},
    plan::Plan,
    stream::Purpose,
    workers::{Queues, Workers},
};
use crate::{
    device::{Upload, note_source},
    position::Followed,
};

/// All samples of `dataset` on `device`, each once and in order, `size` at a time: of [`Sample`](super::Sample)s, inputs
/// `(n, S...)` and one-hot targets `(n, CLASSES)` with `n` known at run time; of others, what [`Collate`] lists.
///
/// The last chunk holds what is left. This is what an accuracy is measured on.
///
/// ```
/// use sam_runtime::{data::{Glyphs, chunks}, dfdx::prelude::*};
///
/// let digits = Glyphs::test(50, 0);
/// let sizes = chunks(&digits, &Cpu::default(), 20).map(|(x, _y)| x.shape().0);
/// assert_eq!(sizes.collect::<Vec<_>>(), [20, 20, 10]);
/// ```
///
/// # Panics
/// If `size` is 0. The iterator panics with the error's text where [`try_chunks`] gives one.
pub fn chunks<'a, Ds, D>(dataset: &'a Ds, device: &D, size: usize) -> OrPanic<TryChunks<'a, Ds, D>>
where
    Ds: Dataset,
    Ds::Item: Collate,
    PartsOf<Ds>: Tensors<D>,
    D: Clone,
{
    OrPanic(try_chunks(dataset, device, size))
}

/// As [`chunks`], giving errors instead of panicking.
///
/// # Panics
/// If `size` is 0.
pub fn try_chunks<'a, Ds, D>(dataset: &'a Ds, device: &D, size: usize) -> TryChunks<'a, Ds, D>
where
    Ds: Dataset,
    Ds::Item: Collate,
    PartsOf<Ds>: Tensors<D>,
    D: Clone,
{
    assert!(size > 0, "a chunk needs at least one sample");
    TryChunks {
        dataset,
        device: device.clone(),
        size,
        at: 0,
    }
}

/// A batch on the host.
type BatchOf<Ds> = HostBatch<PartsOf<Ds>>;

/// The batches of one epoch on the host: read where they are asked for, or ahead by workers.
struct HostBatches<Ds: Dataset<Item: Collate>, T> {
    plan: Arc<Plan<Ds, T>>,
    ahead: Ahead<Ds>,
    next: usize,
    /// To a device that is not the host.
    upload: Option<Upload>,
    /// The batch after the one that was handed out last, on its way to the device.
    sent: Option<Result<BatchOf<Ds>, DataError>>,
    /// The run that counts the batches.
    followed: Option<Followed>,
}

enum Ahead<Ds: Dataset<Item: Collate>> {
    NoWorkers,
    Workers(Queues<PartsOf<Ds>>),
    /// They didn't start.
    Failed(Option<DataError>),
}

impl<Ds, T> HostBatches<Ds, T>
where
    Ds: Dataset<Item: Collate>,
    T: Transform<Ds>,
{
    /// The next batch, made of what was read, and of the device for it.
    fn next<D: Clone + 'static, B>(
        &mut self,
        device: &D,
        make: impl FnOnce(BatchOf<Ds>, &D) -> Result<B, DataError>,
    ) -> Option<Result<B, DataError>> {
        let batch = self.sent.take().or_else(|| self.read())?;
        let index = self.next - 1;
        if self.upload.is_some() {
            self.sent = self.read();
        }
        // What is drawn in a step, as by dropout, is then a function of (seed, epoch, batch) too, and a
        // resumed run needs to know nothing of the steps before.
        let seed = self.plan.draw(index).stream(Purpose::Device).next_u64();
        let own = (&Cpu::seed_from_u64(seed) as &dyn Any)
            .downcast_ref()
            .cloned();
        let device = own.unwrap_or_else(|| device.clone());
        note_source(&device);
        let batch = batch.and_then(|batch| make(batch, &device));
        if let (Some(followed), Ok(_)) = (&self.followed, &batch) {
            followed.got(index);
        }
        Some(batch)
    }

    /// The next batch that was not read yet; on its way, if the device is not the host.
    fn read(&mut self) -> Option<Result<BatchOf<Ds>, DataError>> {
        let index = self.next;
        if index == self.plan.len() {
            return None;
        }
        self.next += 1;
        let batch = match &mut self.ahead {
            Ahead::NoWorkers => self.plan.read_on_all_cores(index),
            Ahead::Workers(queues) => queues.next(index),
            Ahead::Failed(error) => Err(error.take().unwrap_or(DataError::Gone { batch: index })),
        };
        if let Err(DataError::Stalled { .. } | DataError::Gone { .. } | DataError::Thread { .. }) =
            batch
        {
            self.next = self.plan.len();
        }
        Some(match &self.upload {
            Some(upload) => batch.map(|batch| batch.send(upload)),
            None => batch,
        })
    }
}

impl<Ds: Dataset<Item: Collate>, T> HostBatches<Ds, T> {
    fn new<D: 'static>(
        plan: Plan<Ds, T>,
        first: usize,
        workers: Option<Workers>,
        device: &D,
        followed: Option<Followed>,
    ) -> Self
    where
        Ds: 'static,
        T: Transform<Ds> + 'static,
    {
        let plan = Arc::new(plan);
        let ahead = match workers.map(|workers| Queues::start(&plan, first, workers)) {
            None => Ahead::NoWorkers,
            Some(Ok(queues)) => Ahead::Workers(queues),
            Some(Err(error)) => Ahead::Failed(Some(error)),
        };
        let next = first.min(plan.len());
        Self {
            plan,
            ahead,
            next,
            upload: Upload::new(device),
            sent: None,
            followed,
        }
    }

    fn left(&self) -> usize {
        self.plan.len() - self.next + usize::from(self.sent.is_some())
    }
}

/// The batches of one epoch, or what went wrong; see [`DataLoader::try_epoch`](super::DataLoader::try_epoch).
pub struct TryEpoch<Ds: Dataset<Item: Collate>, D, const B: usize, T = Plain> {
    batches: HostBatches<Ds, T>,
    device: D,
}

/// The batches of one epoch, the last one as small as it comes, or what went wrong; see
/// [`DataLoader::try_dynamic_epoch`](super::DataLoader::try_dynamic_epoch).
pub struct TryDynamicEpoch<Ds: Dataset<Item: Collate>, D, T = Plain> {
    batches: HostBatches<Ds, T>,
    device: D,
}

impl<Ds, D, const B: usize, T> TryEpoch<Ds, D, B, T>
where
    Ds: Dataset<Item: Collate> + 'static,
    D: Clone + 'static,
    T: Transform<Ds> + 'static,
{
    /// The batches of `plan`, each of `B` samples, from `first` on.
    pub(super) fn new(
        plan: Plan<Ds, T>,
        first: usize,
        workers: Option<Workers>,
        device: &D,
        followed: Option<Followed>,
    ) -> Self {
        Self {
            batches: HostBatches::new(plan, first, workers, device, followed),
            device: device.clone(),
        }
    }
}

impl<Ds, D, T> TryDynamicEpoch<Ds, D, T>
where
    Ds: Dataset<Item: Collate> + 'static,
    D: Clone + 'static,
    T: Transform<Ds> + 'static,
{
    /// The batches of `plan` from `first` on.
    pub(super) fn new(
        plan: Plan<Ds, T>,
        first: usize,
        workers: Option<Workers>,
        device: &D,
        followed: Option<Followed>,
    ) -> Self {
        Self {
            batches: HostBatches::new(plan, first, workers, device, followed),
            device: device.clone(),
        }
    }
}

impl<Ds, D, const B: usize, T> Iterator for TryEpoch<Ds, D, B, T>
where
    Ds: Dataset<Item: Collate>,
    PartsOf<Ds>: Tensors<D>,
    D: Clone + 'static,
    T: Transform<Ds>,
{
    type Item = Result<<PartsOf<Ds> as Tensors<D>>::Batch<B>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next(&self.device, HostBatch::into_batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.batches.left(), Some(self.batches.left()))
    }
}

impl<Ds, D, T> Iterator for TryDynamicEpoch<Ds, D, T>
where
    Ds: Dataset<Item: Collate>,
    PartsOf<Ds>: Tensors<D>,
    D: Clone + 'static,
    T: Transform<Ds>,
{
    type Item = Result<<PartsOf<Ds> as Tensors<D>>::Chunk, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next(&self.device, HostBatch::into_chunk)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.batches.left(), Some(self.batches.left()))
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

impl<Ds, D> Iterator for TryChunks<'_, Ds, D>
where
    Ds: Dataset<Item: Collate>,
    PartsOf<Ds>: Tensors<D>,
{
    type Item = Result<<PartsOf<Ds> as Tensors<D>>::Chunk, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let n = self.size.min(self.dataset.len() - self.at);
        if n == 0 {
            return None;
        }
        let indices: Vec<usize> = (self.at..self.at + n).collect();
        self.at += n;
        let batch = HostBatch::read_on_all_cores(&indices, |index| {
            let sample = self.dataset.get(index);
            sample.map_err(|error| error.of_sample(index))
        });
        Some(batch.and_then(|batch| batch.into_chunk(&self.device)))
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

impl<Ds: Dataset<Item: Collate>, D, const B: usize, T> ExactSizeIterator for TryEpoch<Ds, D, B, T> where
    Self: Iterator
{
}
impl<Ds: Dataset<Item: Collate>, D, const B: usize, T> FusedIterator for TryEpoch<Ds, D, B, T> where
    Self: Iterator
{
}
impl<Ds: Dataset<Item: Collate>, D, T> ExactSizeIterator for TryDynamicEpoch<Ds, D, T> where
    Self: Iterator
{
}
impl<Ds: Dataset<Item: Collate>, D, T> FusedIterator for TryDynamicEpoch<Ds, D, T> where
    Self: Iterator
{
}
impl<Ds, D> ExactSizeIterator for TryChunks<'_, Ds, D> where Self: Iterator {}
impl<Ds, D> FusedIterator for TryChunks<'_, Ds, D> where Self: Iterator {}
impl<I: ExactSizeIterator> ExactSizeIterator for OrPanic<I> where Self: Iterator {}
impl<I: FusedIterator> FusedIterator for OrPanic<I> where Self: Iterator {}
