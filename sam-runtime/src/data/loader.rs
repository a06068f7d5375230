//! Batches of a data set, epoch by epoch.

use dfdx::tensor::TensorFromVec;

use super::{
    BatchShape, DataError, Dataset, Draw, OrPanic, Plain, Sample, Transform, TryChunks, TryEpoch,
    chunks, epoch_order, try_chunks,
};

/// Batches of exactly `B` samples of a data set, in an order that depends on (seed, epoch) alone.
///
/// Samples are shuffled anew each epoch unless [`shuffle(false)`](Self::shuffle) says otherwise;
/// those that don't fill a last batch are left out of that epoch. For evaluation, where no sample
/// may be left out, see [`chunks`](Self::chunks).
///
/// The samples of an epoch may be transformed on their way; see [`augment`](Self::augment).
#[derive(Clone, Debug)]
pub struct DataLoader<Ds, const B: usize, T = Plain> {
    dataset: Ds,
    transform: T,
    seed: u64,
    shuffle: bool,
}

impl<Ds: Dataset, const B: usize> DataLoader<Ds, B> {
    /// A loader of `dataset`, shuffling, with seed 0. `B` must be above 0, or it doesn't compile.
    ///
    /// # Errors
    /// [`DataError::SmallerThanBatch`] if the data set has fewer than `B` samples.
    pub fn new(dataset: Ds) -> Result<Self, DataError> {
        const { assert!(B > 0, "a batch needs at least one sample") };
        let len = dataset.len();
        if len < B {
            return Err(DataError::SmallerThanBatch { len, batch: B });
        }
        Ok(Self {
            dataset,
            transform: Plain,
            seed: 0,
            shuffle: true,
        })
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
            transform,
            seed: self.seed,
            shuffle: self.shuffle,
        }
    }

    /// The seed of the order and of the transform.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether each epoch has an order of its own; if not, samples come as the data set has them.
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Batches per epoch: `dataset.len() / B`, rounded down.
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is always at least one batch"
    )]
    pub fn len(&self) -> usize {
        self.dataset.len() / B
    }

    /// The data set.
    pub fn dataset(&self) -> &Ds {
        &self.dataset
    }

    /// The indices of the samples in `epoch`, in the order in which its batches take them.
    ///
    /// Batch `i` holds those at `i * B .. (i + 1) * B`; up to `B - 1` at the end are left out.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        if self.shuffle {
            epoch_order(self.seed, epoch, self.dataset.len())
        } else {
            (0..self.dataset.len()).collect()
        }
    }
}

impl<Ds, S, const CLASSES: usize, const B: usize, T> DataLoader<Ds, B, T>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
    T: Transform<Ds>,
{
    /// The batches of `epoch` on `device`: inputs `(B, S...)`, one-hot targets `(B, CLASSES)`.
    ///
    /// # Panics
    /// The iterator panics with the error's text where [`try_epoch`](Self::try_epoch) gives one.
    pub fn epoch<D>(&self, device: &D, epoch: usize) -> OrPanic<TryEpoch<'_, Ds, D, B, T>>
    where
        D: TensorFromVec<f32>,
    {
        OrPanic::new(self.try_epoch(device, epoch))
    }

    /// As [`epoch`](Self::epoch), giving errors instead of panicking.
    ///
    /// A batch that can't be read or built is an `Err`; the iterator goes on with the next.
    pub fn try_epoch<D>(&self, device: &D, epoch: usize) -> TryEpoch<'_, Ds, D, B, T>
    where
        D: TensorFromVec<f32>,
    {
        let first = Draw {
            seed: self.seed,
            epoch,
            index: 0,
        };
        TryEpoch::new(
            &self.dataset,
            &self.transform,
            device,
            self.order(epoch),
            first,
        )
    }

    /// All samples of the data set; see [`chunks`].
    ///
    /// # Panics
    /// As [`chunks`].
    pub fn chunks<D>(&self, device: &D, size: usize) -> OrPanic<TryChunks<'_, Ds, D>>
    where
        D: TensorFromVec<f32>,
    {
        chunks(&self.dataset, device, size)
    }

    /// As [`chunks`](Self::chunks), giving errors instead of panicking.
    ///
    /// # Panics
    /// As [`try_chunks`].
    pub fn try_chunks<D>(&self, device: &D, size: usize) -> TryChunks<'_, Ds, D>
    where
        D: TensorFromVec<f32>,
    {
        try_chunks(&self.dataset, device, size)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Images;
    use super::*;
    use dfdx::shapes::{Const, HasShape, Rank1, Rank2};
    use dfdx::tensor::{AsArray, Cpu, Tensor};

    /// Image `i` has the single pixel `i` and the class `i % 3`.
    fn numbered(n: u8) -> Images<Rank1<1>, 3> {
        Images::new(
            (0..n).collect(),
            (0..n).map(|i| usize::from(i % 3)).collect(),
        )
        .unwrap()
    }

    fn loader(n: u8) -> DataLoader<Images<Rank1<1>, 3>, 4> {
        DataLoader::new(numbered(n)).unwrap()
    }

    /// The indices of the samples that an epoch gives, read back from their pixels; their targets
    /// are checked on the way.
    fn seen(loader: &DataLoader<Images<Rank1<1>, 3>, 4>, epoch: usize) -> Vec<usize> {
        let mut seen = Vec::new();
        for (x, y) in loader.epoch(&Cpu::default(), epoch) {
            let x: Tensor<Rank2<4, 1>, f32, Cpu> = x;
            let y: Tensor<Rank2<4, 3>, f32, Cpu> = y;
            for ([pixel], target) in x.array().into_iter().zip(y.array()) {
                let index = (pixel * 255.0).round() as usize;
                let wanted: [f32; 3] = std::array::from_fn(|c| f32::from(u8::from(c == index % 3)));
                assert_eq!(target, wanted);
                seen.push(index);
            }
        }
        seen
    }

    #[test]
    fn an_epoch_takes_its_order_and_drops_the_rest() {
        let loader = loader(22).seed(5);
        assert_eq!(loader.len(), 5);
        for epoch in [0, 1, 2] {
            let order = loader.order(epoch);
            assert_eq!(order, epoch_order(5, epoch, 22));
            assert_eq!(seen(&loader, epoch), order[..20]);
        }
        assert_ne!(seen(&loader, 0), seen(&loader, 1));
        assert_eq!(seen(&loader, 1), seen(&loader.clone(), 1));
    }

    #[test]
    fn without_shuffling_samples_come_in_order() {
        let loader = loader(22).shuffle(false);
        assert_eq!(seen(&loader, 0), (0..20).collect::<Vec<_>>());
        assert_eq!(seen(&loader, 7), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn the_iterators_know_what_is_left() {
        let (loader, dev) = (loader(22), Cpu::default());
        let mut epoch = loader.epoch(&dev, 0);
        assert_eq!(epoch.len(), 5);
        epoch.next();
        assert_eq!(epoch.len(), 4);
        assert_eq!(epoch.by_ref().count(), 4);
        assert_eq!((epoch.len(), epoch.next().is_none()), (0, true));
        let mut chunks = loader.chunks(&dev, 9);
        assert_eq!(chunks.len(), 3);
        chunks.next();
        assert_eq!(chunks.len(), 2);
    }

    #[test]
    fn chunks_give_every_sample_once_in_order() {
        let dev = Cpu::default();
        let (mut sizes, mut pixels) = (Vec::new(), Vec::new());
        for (x, y) in loader(22).chunks(&dev, 9) {
            assert_eq!(*y.shape(), (x.shape().0, Const::<3>));
            sizes.push(x.shape().0);
            pixels.extend(
                x.as_vec()
                    .iter()
                    .map(|pixel| (pixel * 255.0).round() as usize),
            );
        }
        assert_eq!(sizes, [9, 9, 4]);
        assert_eq!(pixels, (0..22).collect::<Vec<_>>());
        // Also of a data set too small for any loader, and of an empty one.
        assert_eq!(chunks(&numbered(2), &dev, 9).len(), 1);
        assert!(chunks(&numbered(0), &dev, 9).next().is_none());
    }

    #[test]
    fn too_little_data_is_refused() {
        assert_eq!(
            DataLoader::<_, 4>::new(numbered(3))
                .unwrap_err()
                .to_string(),
            "a data set of 3 samples doesn't fill one batch of 4; use a smaller batch size or more data \
             (`chunks` takes any number of samples)"
        );
    }

    /// A data set whose sample 5 can't be read.
    struct Broken;

    impl Dataset for Broken {
        type Item = Sample<Rank1<1>, 3>;
        fn len(&self) -> usize {
            8
        }
        fn get(&self, index: usize) -> Result<Self::Item, DataError> {
            if index == 5 {
                return Err(DataError::Other("sample 5 is on fire".into()));
            }
            numbered(8).get(index)
        }
    }

    #[test]
    fn an_error_takes_its_batch_and_no_other() {
        let loader = DataLoader::<_, 2>::new(Broken).unwrap().shuffle(false);
        let batches: Vec<_> = loader.try_epoch(&Cpu::default(), 0).collect();
        let ok: Vec<bool> = batches.iter().map(Result::is_ok).collect();
        assert_eq!(ok, [true, true, false, true]);
        assert_eq!(
            batches[2].as_ref().unwrap_err().to_string(),
            "sample 5 is on fire"
        );
        assert!(
            loader
                .try_chunks(&Cpu::default(), 8)
                .next()
                .unwrap()
                .is_err()
        );
    }

    #[test]
    #[should_panic(expected = "sample 5 is on fire")]
    fn the_plain_iterator_panics_with_the_text() {
        DataLoader::<_, 8>::new(Broken)
            .unwrap()
            .epoch(&Cpu::default(), 0)
            .count();
    }

    #[test]
    #[should_panic(expected = "a chunk needs at least one sample")]
    fn a_chunk_of_nothing_panics() {
        loader(4).chunks(&Cpu::default(), 0);
    }
}
