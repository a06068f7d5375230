//! Batches of a data set, epoch by epoch.

mod by_epoch;

use std::{num::NonZero, sync::Arc, time::Duration};

use super::{
    Collate, DataError, Dataset, LastBatch, OrPanic, Plain, Position, Sampler, Tensors, Transform,
    TryChunks, TryDynamicEpoch, TryEpoch, batch::PartsOf, chunks, epoch_order, facts::facts,
    plan::Plan, try_chunks, workers::Workers,
};
use crate::position::Followed;

pub use by_epoch::HasBatches;

/// Batches of exactly `B` samples of a data set, in an order that depends on (seed, epoch) alone.
///
/// Samples are shuffled anew each epoch unless [`shuffle(false)`](Self::shuffle) says otherwise;
/// those that don't fill a last batch are left out of that epoch, unless [`last`](Self::last) or
/// [`dynamic_epoch`](Self::dynamic_epoch) says otherwise. For evaluation, where no sample may be left
/// out, see [`chunks`](Self::chunks).
///
/// The samples of an epoch may be transformed on their way; see [`augment`](Self::augment). Threads may
/// read them ahead; see [`workers`](Self::workers).
///
/// A run that stopped in mid-epoch goes on from its [`Position`], with the batches that it would have
/// seen. So that it also draws the random numbers that it would have drawn (as dropout does, from the
/// device of its input), the batches of an epoch are on devices of their own on the CPU: each has a generator
/// that is seeded by (seed, epoch, batch).
///
/// ```
/// use std::num::NonZero;
/// use dfdx::prelude::*;
/// use sam_runtime::data::{Augment, DataLoader, Glyphs, Position};
///
/// # fn main() -> Result<(), sam_runtime::data::DataError> {
/// let loader = DataLoader::<_, 32>::new(Glyphs::train(200, 1))?.seed(3).workers(2);
/// let dev = Cpu::default();
/// assert_eq!(loader.epoch(&dev, 4).len(), 6);
/// // The last two batches of epoch 4.
/// assert_eq!(loader.epoch(&dev, Position { epoch: 4, batch: 4 }).len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DataLoader<Ds, const B: usize, T = Plain> {
    pub(super) dataset: Arc<Ds>,
    transform: Arc<T>,
    seed: u64,
    shuffle: bool,
    last: LastBatch,
    workers: usize,
    prefetch: NonZero<usize>,
    timeout: Option<Duration>,
    shard: Shard,
    sampler: Option<Arc<dyn Sampler>>,
}

/// Which of the batches are this loader's.
#[derive(Clone, Copy, Debug)]
struct Shard {
    rank: usize,
    size: usize,
}

/// Batches that wait for each worker, as in PyTorch.
const PREFETCH: NonZero<usize> = NonZero::new(2).unwrap();

impl<Ds: Dataset, const B: usize> DataLoader<Ds, B> {
    /// A loader of `dataset`, shuffling, with seed 0 and without workers. `B` must be above 0, or it
    /// doesn't compile.
    ///
    /// # Errors
    /// [`DataError::SmallerThanBatch`] if the data set has fewer than `B` samples; see
    /// [`padded`](Self::padded).
    pub fn new(dataset: Ds) -> Result<Self, DataError> {
        let len = dataset.len();
        if len < B {
            return Err(DataError::SmallerThanBatch { len, batch: B });
        }
        Ok(Self::of(dataset, LastBatch::Drop))
    }

    /// As [`new`](Self::new), with [`LastBatch::Pad`], also of fewer than `B` samples: they fill the one batch
    /// of an epoch up again and again. [`dynamic_epoch`](Self::dynamic_epoch) gives each of them once.
    ///
    /// # Errors
    /// [`DataError::Empty`] if the data set has no sample.
    pub fn padded(dataset: Ds) -> Result<Self, DataError> {
        if dataset.is_empty() {
            return Err(DataError::Empty);
        }
        Ok(Self::of(dataset, LastBatch::Pad))
    }

    fn of(dataset: Ds, last: LastBatch) -> Self {
        const { assert!(B > 0, "a batch needs at least one sample") };
        Self {
            dataset: Arc::new(dataset),
            transform: Arc::new(Plain),
            seed: 0,
            shuffle: true,
            last,
            workers: 0,
            prefetch: PREFETCH,
            timeout: None,
            shard: Shard { rank: 0, size: 1 },
            sampler: None,
        }
    }
}

impl<Ds: Dataset, const B: usize, T> DataLoader<Ds, B, T> {
    /// The same loader with this transform, such as [`Augment::basic`](super::Augment::basic), in
    /// place of any earlier one.
    ///
    /// It changes what [`epoch`](Self::epoch) gives, anew in every epoch, as a function of (seed,
    /// epoch, index) alone. [`chunks`](Self::chunks) stay as the data set has them.
    pub fn augment<U: Transform<Ds>>(self, transform: U) -> DataLoader<Ds, B, U> {
        DataLoader {
            dataset: self.dataset,
            transform: Arc::new(transform),
            seed: self.seed,
            shuffle: self.shuffle,
            last: self.last,
            workers: self.workers,
            prefetch: self.prefetch,
            timeout: self.timeout,
            shard: self.shard,
            sampler: self.sampler,
        }
    }

    /// The batches of rank number `rank` of `size` ranks: of each `size` batches of an epoch the one of its number. All ranks have as
    /// many batches, of as many samples, and none of them reads what is another's. With the same seed, batch `i` of all
    /// ranks together has the samples of batch `i` of one loader whose batches are `size` times as large.
    ///
    /// With [`LastBatch::Drop`] the batches that don't fill such a group are left out, with [`LastBatch::Pad`] the group is filled
    /// up. In a dynamic epoch, a last group is shared evenly, and what is left over is left out.
    ///
    /// # Errors
    /// [`DataError::Shard`] unless `rank` is below `size`.
    ///
    /// ```
    /// use sam_runtime::data::{DataLoader, Glyphs};
    ///
    /// let whole = DataLoader::<_, 32>::new(Glyphs::train(100, 0))?;
    /// let mine = DataLoader::<_, 16>::new(Glyphs::train(100, 0))?.shard(1, 2)?;
    /// assert_eq!((mine.len(), whole.len()), (3, 3));
    /// assert_eq!(mine.order(4)[..16], whole.order(4)[16..32]);
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    pub fn shard(self, rank: usize, size: usize) -> Result<Self, DataError> {
        if rank >= size {
            return Err(DataError::Shard { rank, size });
        }
        let shard = Shard { rank, size };
        Ok(Self { shard, ..self })
    }

    /// The seed of the order, of the transform, and of what a step draws.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether each epoch has an order of its own; if not, samples come as the data set has them.
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Which samples an epoch has, where that is not each of them once: [`WeightedSampler`](super::WeightedSampler),
    /// [`BalancedSampler`](super::BalancedSampler), or one of your own. Its order takes the place of the shuffled one;
    /// [`chunks`](Self::chunks) stay as the data set has them.
    ///
    /// # Errors
    /// [`DataError::Sampler`] for a sampler that was made for another number of samples.
    pub fn sampler(self, sampler: impl Sampler + 'static) -> Result<Self, DataError> {
        let samples = self.dataset.len();
        sampler.check(samples)?;
        if sampler.len(samples) == 0 {
            return Err(DataError::Empty);
        }
        let sampler: Option<Arc<dyn Sampler>> = Some(Arc::new(sampler));
        Ok(Self { sampler, ..self })
    }

    /// What becomes of the samples that don't fill the last batch of an epoch. The only batch of an epoch is
    /// never dropped, but padded.
    pub fn last(self, last: LastBatch) -> Self {
        Self { last, ..self }
    }

    /// How many threads read batches ahead of the loop; 0, as at first, for none: then a batch is read
    /// when the loop asks for it, on as many threads as compute, which have nothing else to do then. That is
    /// best where the CPU trains, and reading is quick; workers are for reading that is slow, or waits, and
    /// for a GPU.
    ///
    /// The batches are the same, in the same order, with any number of workers. What they hold ahead is
    /// bounded: at most `workers * (prefetch + 1)` batches. They begin when [`epoch`](Self::epoch) is
    /// called and end with its iterator.
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// How many batches may wait for each worker; 2 at first.
    pub fn prefetch(self, prefetch: NonZero<usize>) -> Self {
        Self { prefetch, ..self }
    }

    /// How long the loop may wait for one batch of the workers before it gets
    /// [`DataError::Stalled`] instead; at first, for ever.
    pub fn timeout(self, timeout: Duration) -> Self {
        let timeout = Some(timeout);
        Self { timeout, ..self }
    }

    /// Batches per epoch: `dataset.len() / B`, rounded down (1 at least), or up with [`LastBatch::Pad`]. Of a
    /// [`shard`](Self::shard), `dataset.len() / (size * B)`. A [`sampler`](Self::sampler) may give an epoch another length.
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is always at least one batch"
    )]
    pub fn len(&self) -> usize {
        let group = B * self.shard.size;
        let samples = self.samples();
        match self.last {
            LastBatch::Drop => (samples / group).max(1),
            LastBatch::Pad => samples.div_ceil(group),
        }
    }

    /// Samples of an epoch.
    fn samples(&self) -> usize {
        let len = self.dataset.len();
        self.sampler.as_ref().map_or(len, |it| it.len(len))
    }

    /// The data set.
    pub fn dataset(&self) -> &Ds {
        &self.dataset
    }

    /// The indices of the samples in `epoch`, in the order in which its batches take them: every sample
    /// of the data set once, or what a [`sampler`](Self::sampler) says; of a [`shard`](Self::shard), those of its batches.
    ///
    /// Batch `i` holds those at `i * B .. (i + 1) * B`.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let order = self.whole_order(epoch);
        let Shard { rank, size } = self.shard;
        if size == 1 {
            return order;
        }
        let mut mine = Vec::new();
        let mut groups = order.chunks_exact(B * size);
        for group in &mut groups {
            mine.extend_from_slice(&group[rank * B..][..B]);
        }
        let rest = groups.remainder();
        let part = rest.len() / size;
        mine.extend_from_slice(&rest[rank * part..][..part]);
        mine
    }

    /// That of all ranks together.
    pub(super) fn whole_order(&self, epoch: usize) -> Vec<usize> {
        if let Some(sampler) = &self.sampler {
            sampler.order(self.dataset.len(), self.seed, epoch)
        } else if self.shuffle {
            epoch_order(self.seed, epoch, self.dataset.len())
        } else {
            (0..self.dataset.len()).collect()
        }
    }

    /// How many ranks share the batches.
    pub(super) fn ranks(&self) -> usize {
        self.shard.size
    }

    pub(super) fn is_shuffled(&self) -> bool {
        self.shuffle || self.sampler.is_some()
    }

    /// The epoch in which batches take their samples in `order`.
    fn plan(&self, epoch: usize, order: Vec<usize>) -> Plan<Ds, T> {
        Plan {
            dataset: Arc::clone(&self.dataset),
            transform: Arc::clone(&self.transform),
            order,
            size: B,
            seed: self.seed,
            epoch,
            place: (self.shard.rank, self.shard.size),
        }
    }

    fn read_ahead(&self) -> Option<Workers> {
        Some(Workers {
            count: NonZero::new(self.workers)?,
            prefetch: self.prefetch,
            timeout: self.timeout,
        })
    }
}

impl<Ds, const B: usize, T> Clone for DataLoader<Ds, B, T> {
    /// Another loader of the same data set.
    fn clone(&self) -> Self {
        Self {
            dataset: Arc::clone(&self.dataset),
            transform: Arc::clone(&self.transform),
            sampler: self.sampler.clone(),
            ..*self
        }
    }
}

// What is asked of the samples stands at the `impl`: where they are no `Collate`, that is then one error and not one for each
// function and type in its way.
impl<Ds, const B: usize, T> DataLoader<Ds, B, T>
where
    Ds: Dataset<Item: Collate> + 'static,
    T: Transform<Ds> + 'static,
{
    /// The batches of an epoch on `device`: of [`Sample`](super::Sample)s, inputs `(B, S...)` and one-hot targets `(B, CLASSES)`; of
    /// others, what [`Collate`] lists. `from` is the epoch's number, or a [`Position`] in it.
    ///
    /// The loader must own its data set, because workers may outlive the function. Where it borrows one ("borrowed data
    /// escapes outside of function", "does not live long enough"), give it a clone or an [`Arc`]: `DataLoader::new(Arc::clone(&digits))`.
    ///
    /// # Panics
    /// The iterator panics with the error's text where [`try_epoch`](Self::try_epoch) gives one.
    pub fn epoch<D>(&self, device: &D, from: impl Into<Position>) -> OrPanic<TryEpoch<Ds, D, B, T>>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        OrPanic::new(self.try_epoch(device, from))
    }

    /// As [`epoch`](Self::epoch), giving errors instead of panicking.
    ///
    /// A batch that can't be read or built is an `Err`, also where a worker panics over it; the iterator
    /// goes on with the next. It ends after [`DataError::Stalled`], [`DataError::Gone`] and
    /// [`DataError::Thread`].
    pub fn try_epoch<D>(&self, device: &D, from: impl Into<Position>) -> TryEpoch<Ds, D, B, T>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        let Position { epoch, batch } = from.into();
        let Shard { rank, size } = self.shard;
        // Whole batches: fewer samples than there are, or the first ones once more.
        let order = self.whole_order(epoch).into_iter().cycle();
        let order = order.take(self.len() * B * size).enumerate();
        let is_mine = |at: usize| at / B % size == rank;
        let order = order.filter_map(|(at, sample)| is_mine(at).then_some(sample));
        let plan = self.plan(epoch, order.collect());
        let followed = self.followed(Position { epoch, batch }, &plan);
        TryEpoch::new(plan, batch, self.read_ahead(), device, followed)
    }

    /// The batches of an epoch with a size that is known at run time: every sample once, the last batch
    /// as small as it comes. Of [`Sample`](super::Sample)s, inputs `(n, S...)` and one-hot targets `(n, CLASSES)`, `n` at most
    /// `B`.
    ///
    /// # Panics
    /// As [`epoch`](Self::epoch).
    pub fn dynamic_epoch<D>(
        &self,
        device: &D,
        from: impl Into<Position>,
    ) -> OrPanic<TryDynamicEpoch<Ds, D, T>>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        OrPanic::new(self.try_dynamic_epoch(device, from))
    }

    /// As [`dynamic_epoch`](Self::dynamic_epoch), giving errors as [`try_epoch`](Self::try_epoch) does.
    pub fn try_dynamic_epoch<D>(
        &self,
        device: &D,
        from: impl Into<Position>,
    ) -> TryDynamicEpoch<Ds, D, T>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        let Position { epoch, batch } = from.into();
        let plan = self.plan(epoch, self.order(epoch));
        let followed = self.followed(Position { epoch, batch }, &plan);
        TryDynamicEpoch::new(plan, batch, self.read_ahead(), device, followed)
    }

    /// The run that waits for this epoch.
    fn followed(&self, from: Position, plan: &Plan<Ds, T>) -> Option<Followed> {
        Followed::awaited(from, plan.len(), || facts(self, plan))
    }
}

impl<Ds: Dataset<Item: Collate>, const B: usize, T> DataLoader<Ds, B, T> {
    /// All samples of the data set; see [`chunks`].
    ///
    /// # Panics
    /// As [`chunks`].
    pub fn chunks<D>(&self, device: &D, size: usize) -> OrPanic<TryChunks<'_, Ds, D>>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        chunks(&self.dataset, device, size)
    }

    /// As [`chunks`](Self::chunks), giving errors instead of panicking.
    ///
    /// # Panics
    /// As [`try_chunks`].
    pub fn try_chunks<D>(&self, device: &D, size: usize) -> TryChunks<'_, Ds, D>
    where
        PartsOf<Ds>: Tensors<D>,
        D: Clone + 'static,
    {
        try_chunks(&self.dataset, device, size)
    }
}

#[cfg(test)]
mod tests;
