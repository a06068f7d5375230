//! Which samples make up the batches of an epoch, and how one of them is read.

use std::sync::Arc;

use super::{BatchShape, DataError, Dataset, Draw, Sample, Transform, batch::HostBatch};

/// What becomes of the samples that don't fill the last batch of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastBatch {
    /// They are left out of the epoch; another epoch, shuffled anew, leaves out others.
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
}

impl<Ds, T> Plan<Ds, T> {
    /// Batches of the epoch.
    pub(super) fn len(&self) -> usize {
        self.order.len().div_ceil(self.size)
    }

    /// What the randomness of batch `index` is a function of.
    pub(super) fn draw(&self, index: usize) -> Draw {
        Draw {
            seed: self.seed,
            epoch: self.epoch,
            index,
        }
    }
}

impl<Ds, S, const CLASSES: usize, T> Plan<Ds, T>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    T: Transform<Ds>,
{
    /// Reads batch `index`.
    pub(super) fn read(&self, index: usize) -> Result<HostBatch, DataError> {
        let first = index * self.size;
        let samples = &self.order[first..self.order.len().min(first + self.size)];
        let mut batch = HostBatch::read(samples, |sample| {
            self.transform.sample(&self.dataset, self.draw(sample))
        })?;
        let (inputs, targets) = batch.rows_mut();
        self.transform
            .batch(inputs, targets, samples.len(), self.draw(index));
        Ok(batch)
    }
}
