//! Which samples make up the batches of an epoch, and how one of them is read.

use std::sync::Arc;

use super::{
    Collate, DataError, Dataset, Draw, Transform,
    batch::{HostBatch, PartsOf},
};

/// What becomes of the samples that don't fill the last batch of an epoch.
///
/// ```
/// use sam_runtime::data::{DataLoader, Glyphs, LastBatch};
///
/// let loader = DataLoader::<_, 32>::new(Glyphs::train(100, 0))?;
/// assert_eq!(loader.len(), 3);
/// assert_eq!(loader.last(LastBatch::Pad).len(), 4);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastBatch {
    /// They are left out of the epoch; another epoch, shuffled anew, leaves out others. Where they are all
    /// that there is, as [`Pad`](Self::Pad).
    #[default]
    Drop,
    /// The epoch's first samples fill the batch up, and are seen twice.
    Pad,
}

/// One epoch of one data set; any thread can read any of its batches.
pub(super) struct Plan<Ds, T> {
    pub(super) dataset: Arc<Ds>,
    pub(super) transform: Arc<T>,
    /// The samples, batch after batch.
    pub(super) order: Vec<usize>,
    /// Samples of a batch; the last one may hold fewer.
    pub(super) size: usize,
    pub(super) seed: u64,
    pub(super) epoch: usize,
    /// Which rank's they are, of how many.
    pub(super) place: (usize, usize),
}

impl<Ds, T> Plan<Ds, T> {
    /// Batches of the epoch.
    pub(super) fn len(&self) -> usize {
        self.order.len().div_ceil(self.size)
    }

    /// What the randomness of batch `index`, as a whole, is a function of: its number among those of all ranks.
    fn draw_of_batch(&self, index: usize) -> Draw {
        let (rank, size) = self.place;
        self.draw(index * size + rank)
    }

    /// What the randomness of sample `index` is a function of.
    pub(super) fn draw(&self, index: usize) -> Draw {
        Draw {
            seed: self.seed,
            epoch: self.epoch,
            index,
        }
    }
}

impl<Ds, T> Plan<Ds, T>
where
    Ds: Dataset<Item: Collate>,
    T: Transform<Ds>,
{
    /// Reads batch `index` on this thread.
    pub(super) fn read(&self, index: usize) -> Result<HostBatch<PartsOf<Ds>>, DataError> {
        let batch = HostBatch::read(self.samples(index), |sample| self.sample(sample));
        batch.map(|batch| self.whole(batch, index))
    }

    /// Reads batch `index` on all threads that compute; the same batch.
    pub(super) fn read_on_all_cores(
        &self,
        index: usize,
    ) -> Result<HostBatch<PartsOf<Ds>>, DataError> {
        let samples = self.samples(index);
        let batch = HostBatch::read_on_all_cores(samples, |sample| self.sample(sample));
        batch.map(|batch| self.whole(batch, index))
    }

    /// The indices of the samples of batch `index`.
    fn samples(&self, index: usize) -> &[usize] {
        let first = index * self.size;
        &self.order[first..self.order.len().min(first + self.size)]
    }

    fn sample(&self, index: usize) -> Result<Ds::Item, DataError> {
        let sample = self.transform.sample(&self.dataset, self.draw(index));
        sample.map_err(|error| error.of_sample(index))
    }

    /// What is done to batch `index` as a whole.
    fn whole(&self, mut batch: HostBatch<PartsOf<Ds>>, index: usize) -> HostBatch<PartsOf<Ds>> {
        let rows = self.samples(index).len();
        let (inputs, targets) = batch.rows_mut();
        self.transform
            .batch(inputs, targets, rows, self.draw_of_batch(index));
        batch
    }
}
