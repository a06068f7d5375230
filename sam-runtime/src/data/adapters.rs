//! Data sets made of others: mapped, joined.

use std::borrow::Cow;

use super::{DataError, Dataset, ImageDataset, Labelled, Region, dataset::check_index};

/// A data set whose samples a function changes; see [`Dataset::map`].
#[derive(Clone, Copy, Debug)]
pub struct Map<Ds, F> {
    pub(super) inner: Ds,
    pub(super) change: F,
}

impl<Ds, F, I> Dataset for Map<Ds, F>
where
    Ds: Dataset,
    F: Fn(Ds::Item) -> I + Send + Sync,
{
    type Item = I;

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize) -> Result<I, DataError> {
        self.inner.get(index).map(&self.change)
    }
}

/// A data set whose samples a function changes that may fail; see [`Dataset::try_map`].
#[derive(Clone, Copy, Debug)]
pub struct TryMap<Ds, F> {
    pub(super) inner: Ds,
    pub(super) change: F,
}

impl<Ds, F, I> Dataset for TryMap<Ds, F>
where
    Ds: Dataset,
    F: Fn(Ds::Item) -> Result<I, DataError> + Send + Sync,
{
    type Item = I;

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize) -> Result<I, DataError> {
        self.inner.get(index).and_then(&self.change)
    }
}

/// One data set after another; see [`Dataset::join`].
#[derive(Clone, Copy, Debug)]
pub struct Join<A, B> {
    pub(super) first: A,
    pub(super) second: B,
}

/// Where a sample of two data sets is.
enum Place {
    First(usize),
    Second(usize),
}

impl<A: Dataset, B: Dataset> Join<A, B> {
    fn place(&self, index: usize) -> Result<Place, DataError> {
        let first = self.first.len();
        check_index(index, first + self.second.len())?;
        Ok(match index.checked_sub(first) {
            None => Place::First(index),
            Some(index) => Place::Second(index),
        })
    }
}

impl<A: Dataset, B: Dataset<Item = A::Item>> Dataset for Join<A, B> {
    type Item = A::Item;

    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn get(&self, index: usize) -> Result<A::Item, DataError> {
        match self.place(index)? {
            Place::First(index) => self.first.get(index),
            Place::Second(index) => self.second.get(index),
        }
    }
}

impl<A: Labelled, B: Labelled<Item = A::Item>> Labelled for Join<A, B> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        match self.place(index)? {
            Place::First(index) => self.first.label(index),
            Place::Second(index) => self.second.label(index),
        }
    }
}

impl<A: ImageDataset, B: ImageDataset<Item = A::Item>> ImageDataset for Join<A, B> {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        match self.place(index)? {
            Place::First(index) => self.first.bytes(index),
            Place::Second(index) => self.second.bytes(index),
        }
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<A::Item, DataError> {
        match self.place(index)? {
            Place::First(index) => self.first.sample_of(index, bytes),
            Place::Second(index) => self.second.sample_of(index, bytes),
        }
    }

    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        match self.place(index)? {
            Place::First(index) => self.first.part(index, choose),
            Place::Second(index) => self.second.part(index, choose),
        }
    }
}
