//! Some of the samples of a data set.

use std::{borrow::Cow, sync::Arc};

use super::{DataError, Dataset, ImageDataset, Labelled, Region, dataset::check_index};

/// Some samples of a data set, in an order of their own; see [`Dataset::subset`], [`split`](Dataset::split) and
/// [`filter`](Dataset::filter). A sample may be there more than once.
///
/// It keeps what the data set can do: labels can be read without the inputs, and images be augmented.
///
/// ```
/// use sam_runtime::data::{Dataset, Glyphs, Labelled};
///
/// let digits = Glyphs::train(10, 0);
/// let two = (&digits).subset(vec![7, 3])?;
/// assert_eq!(two.len(), 2);
/// assert_eq!(two.label(0)?, digits.label(7)?);
/// assert_eq!(two.indices(), [7, 3]);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subset<Ds> {
    inner: Ds,
    indices: Arc<[usize]>,
}

impl<Ds: Dataset> Subset<Ds> {
    /// The samples of `inner` at `indices`.
    pub(super) fn new(inner: Ds, indices: Vec<usize>) -> Result<Self, DataError> {
        let len = inner.len();
        match indices.iter().find(|&&index| index >= len) {
            Some(&index) => Err(DataError::Index { index, len }),
            None => Ok(Self::of_checked(inner, indices)),
        }
    }

    /// Of indices that `inner` has.
    pub(super) fn of_checked(inner: Ds, indices: Vec<usize>) -> Self {
        let indices = indices.into();
        Self { inner, indices }
    }

    /// Where its samples are in the data set that it is a part of.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The data set that it is a part of.
    pub fn whole(&self) -> &Ds {
        &self.inner
    }

    /// The index in the whole data set.
    fn inside(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.indices.len())?;
        Ok(self.indices[index])
    }
}

impl<Ds: Dataset> Dataset for Subset<Ds> {
    type Item = Ds::Item;

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        self.inner.get(self.inside(index)?)
    }
}

impl<Ds: Labelled> Labelled for Subset<Ds> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        self.inner.label(self.inside(index)?)
    }
}

impl<Ds: ImageDataset> ImageDataset for Subset<Ds> {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.inner.bytes(self.inside(index)?)
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        self.inner.sample_of(self.inside(index)?, bytes)
    }

    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        self.inner.part(self.inside(index)?, choose)
    }
}
