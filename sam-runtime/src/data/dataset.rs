//! What a data set is, and adapters that fit any.

use std::sync::Arc;

use super::{DataError, Join, Map, Subset, TryMap, TwoParts, splits};

/// A fixed number of samples, each reachable by its index.
///
/// `get` takes `&self` and the trait asks for `Send + Sync`, so one data set can feed several
/// threads. The same index always gives the same item.
///
/// ```
/// use sam_runtime::{data::{DataError, Dataset, Sample}, dfdx::shapes::Rank1};
///
/// /// Points on a line, and whether they are above 0.
/// struct Points(Vec<f32>);
///
/// impl Dataset for Points {
///     type Item = Sample<Rank1<1>, 2>;
///
///     fn len(&self) -> usize {
///         self.0.len()
///     }
///
///     fn get(&self, index: usize) -> Result<Self::Item, DataError> {
///         let len = self.len();
///         let x = *self.0.get(index).ok_or(DataError::Index { index, len })?;
///         Sample::new(vec![x], usize::from(x > 0.0))
///     }
/// }
///
/// let points = Points(vec![-1.0, 2.0, 3.0]);
/// assert_eq!(points.get(1)?.label(), 1);
/// assert_eq!(points.take_first(1).len(), 1);
/// # Ok::<(), DataError>(())
/// ```
pub trait Dataset: Send + Sync {
    /// One sample: a [`Sample`](super::Sample), which has a class, or anything else that [`Collate`](super::Collate) makes batches of.
    type Item;

    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there is no sample at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample at `index`, counted from 0.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end; otherwise whatever stops the data set from reading the
    /// sample.
    fn get(&self, index: usize) -> Result<Self::Item, DataError>;

    /// Only the first `n` samples, or all of them where there are fewer.
    fn take_first(self, n: usize) -> TakeFirst<Self>
    where
        Self: Sized,
    {
        TakeFirst { inner: self, n }
    }

    /// The samples at `indices`, in that order; the same one may be there more than once.
    ///
    /// # Errors
    /// [`DataError::Index`] for an index past the end.
    fn subset(self, indices: Vec<usize>) -> Result<Subset<Self>, DataError>
    where
        Self: Sized,
    {
        Subset::new(self, indices)
    }

    /// Only the samples that `keep` says yes to. Reads each of them once, here.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn filter(self, mut keep: impl FnMut(&Self::Item) -> bool) -> Result<Subset<Self>, DataError>
    where
        Self: Sized,
    {
        let mut indices = Vec::new();
        for index in 0..self.len() {
            if keep(&self.get(index)?) {
                indices.push(index);
            }
        }
        Ok(Subset::of_checked(self, indices))
    }

    /// Each sample as `change` makes it, whenever it is read.
    ///
    /// ```
    /// use sam_runtime::data::{Dataset, InMemory};
    ///
    /// let prices = InMemory::new(vec![([1.0], 100.0_f32), ([2.0], 400.0)]);
    /// let logarithms = prices.map(|(x, price)| (x, price.log10()));
    /// assert_eq!(logarithms.get(0)?, ([1.0], 2.0));
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    fn map<I, F>(self, change: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Item) -> I + Send + Sync,
    {
        let inner = self;
        Map { inner, change }
    }

    /// As [`map`](Self::map), by a function that may fail; its error is that of the sample.
    fn try_map<I, F>(self, change: F) -> TryMap<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Item) -> Result<I, DataError> + Send + Sync,
    {
        let inner = self;
        TryMap { inner, change }
    }

    /// These samples, then those of `second`.
    fn join<Other>(self, second: Other) -> Join<Self, Other>
    where
        Self: Sized,
        Other: Dataset<Item = Self::Item>,
    {
        let first = self;
        Join { first, second }
    }

    /// Two parts, at random: one of `share` of the samples, rounded, and one of all others. Which samples they are is a
    /// function of (seed, number of samples); in both they are in the order of the data set.
    ///
    /// ```
    /// use sam_runtime::data::{Dataset, Glyphs};
    ///
    /// let (train, test) = Glyphs::train(100, 0).split(0.8, 1)?;
    /// assert_eq!((train.len(), test.len()), (80, 20));
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Share`] unless `0 < share < 1`; [`DataError::Split`] where one part would be empty.
    fn split(self, share: f64, seed: u64) -> Result<TwoParts<Self>, DataError>
    where
        Self: Sized,
    {
        self.split_stratified_by(share, seed, |_| 0)
    }

    /// As [`split`](Self::split), of samples with the same `key` the same share, to within one sample. `key` is given
    /// indices. Where it is the class: [`Labelled::split_stratified`].
    ///
    /// # Errors
    /// As [`split`](Self::split).
    fn split_stratified_by<K: Ord>(
        self,
        share: f64,
        seed: u64,
        mut key: impl FnMut(usize) -> K,
    ) -> Result<TwoParts<Self>, DataError>
    where
        Self: Sized,
    {
        let strata = splits::by_key(self.len(), |index| Ok(key(index)))?;
        let first = splits::stratified(strata, share, seed)?;
        Ok(splits::in_two(&Arc::new(self), &first))
    }

    /// Two parts, with all samples of a group, those with the same `group`, in one of them: for data in which the samples of
    /// one person, document or day say much about each other. `group` is given indices. The first part has as near to
    /// `share` of the samples as whole groups come when they are taken in a random order.
    ///
    /// # Errors
    /// As [`split`](Self::split); [`DataError::Groups`] for fewer than two groups.
    fn split_grouped<K: Ord>(
        self,
        share: f64,
        seed: u64,
        mut group: impl FnMut(usize) -> K,
    ) -> Result<TwoParts<Self>, DataError>
    where
        Self: Sized,
    {
        let groups = splits::by_key(self.len(), |index| Ok(group(index)))?;
        let first = splits::grouped(groups, share, seed)?;
        Ok(splits::in_two(&Arc::new(self), &first))
    }

    /// For cross-validation: each sample, at random, in one of `folds` folds, which are equally large to within one sample.
    /// Each entry is what to train on, all folds but one, and that one, to test on.
    ///
    /// ```
    /// use sam_runtime::data::{Dataset, Glyphs};
    ///
    /// for (train, test) in Glyphs::train(50, 0).k_fold(5, 1)? {
    ///     assert_eq!((train.len(), test.len()), (40, 10));
    /// }
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Folds`] unless there are at least two folds, and as many samples.
    fn k_fold(self, folds: usize, seed: u64) -> Result<Vec<TwoParts<Self>>, DataError>
    where
        Self: Sized,
    {
        self.k_fold_stratified_by(folds, seed, |_| 0)
    }

    /// As [`k_fold`](Self::k_fold), with as many samples of the same `key` in each fold, to within one. `key` is given
    /// indices. Where it is the class: [`Labelled::k_fold_stratified`].
    ///
    /// # Errors
    /// As [`k_fold`](Self::k_fold).
    fn k_fold_stratified_by<K: Ord>(
        self,
        folds: usize,
        seed: u64,
        mut key: impl FnMut(usize) -> K,
    ) -> Result<Vec<TwoParts<Self>>, DataError>
    where
        Self: Sized,
    {
        let strata = splits::by_key(self.len(), |index| Ok(key(index)))?;
        let fold = splits::stratified_folds(strata, folds, seed)?;
        Ok(splits::in_folds(&Arc::new(self), folds, &fold))
    }

    /// As [`k_fold`](Self::k_fold), with all samples of a group in one fold. `group` is given indices. The largest groups are
    /// dealt first, each to the fold that is the smallest so far, as scikit-learn's `GroupKFold` does.
    ///
    /// # Errors
    /// As [`k_fold`](Self::k_fold); [`DataError::Groups`] for fewer groups than folds.
    fn k_fold_grouped<K: Ord>(
        self,
        folds: usize,
        seed: u64,
        mut group: impl FnMut(usize) -> K,
    ) -> Result<Vec<TwoParts<Self>>, DataError>
    where
        Self: Sized,
    {
        let groups = splits::by_key(self.len(), |index| Ok(group(index)))?;
        let fold = splits::grouped_folds(groups, folds, seed)?;
        Ok(splits::in_folds(&Arc::new(self), folds, &fold))
    }
}

/// A data set whose classes can be read without reading (or drawing, or decoding) the inputs.
///
/// ```
/// use sam_runtime::data::{Dataset, Glyphs, Labelled};
///
/// let digits = Glyphs::train(20, 0);
/// assert_eq!(digits.label(7)?, digits.get(7)?.label());
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
pub trait Labelled: Dataset {
    /// The class of the sample at `index`, the same as that of [`get`](Dataset::get).
    ///
    /// # Errors
    /// As [`get`](Dataset::get).
    fn label(&self, index: usize) -> Result<usize, DataError>;

    /// As [`split`](Dataset::split), of each class the same share, to within one sample.
    ///
    /// # Errors
    /// As [`split`](Dataset::split); whatever reading a label gives.
    fn split_stratified(self, share: f64, seed: u64) -> Result<TwoParts<Self>, DataError>
    where
        Self: Sized,
    {
        let strata = splits::by_key(self.len(), |index| self.label(index))?;
        let first = splits::stratified(strata, share, seed)?;
        Ok(splits::in_two(&Arc::new(self), &first))
    }

    /// As [`k_fold`](Dataset::k_fold), with as many samples of each class in each fold, to within one.
    ///
    /// # Errors
    /// As [`k_fold`](Dataset::k_fold); whatever reading a label gives.
    fn k_fold_stratified(self, folds: usize, seed: u64) -> Result<Vec<TwoParts<Self>>, DataError>
    where
        Self: Sized,
    {
        let strata = splits::by_key(self.len(), |index| self.label(index))?;
        let fold = splits::stratified_folds(strata, folds, seed)?;
        Ok(splits::in_folds(&Arc::new(self), folds, &fold))
    }
}

/// `Ok` for an index inside a data set of `len` samples, else [`DataError::Index`].
pub(super) fn check_index(index: usize, len: usize) -> Result<(), DataError> {
    if index < len {
        Ok(())
    } else {
        Err(DataError::Index { index, len })
    }
}

macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: Dataset + ?Sized> Dataset for $pointer {
            type Item = T::Item;
            fn len(&self) -> usize {
                (**self).len()
            }
            fn get(&self, index: usize) -> Result<Self::Item, DataError> {
                (**self).get(index)
            }
        }
        impl<T: Labelled + ?Sized> Labelled for $pointer {
            fn label(&self, index: usize) -> Result<usize, DataError> {
                (**self).label(index)
            }
        }
    )*};
}
through_pointer!(&T, Arc<T>, Box<T>);

/// The first samples of a data set; see [`Dataset::take_first`].
#[derive(Clone, Debug)]
pub struct TakeFirst<Ds> {
    inner: Ds,
    n: usize,
}

impl<Ds: Dataset> TakeFirst<Ds> {
    /// The whole data set, for an index that this part of it has.
    pub(super) fn inside(&self, index: usize) -> Result<&Ds, DataError> {
        check_index(index, self.len())?;
        Ok(&self.inner)
    }
}

impl<Ds: Dataset> Dataset for TakeFirst<Ds> {
    type Item = Ds::Item;

    fn len(&self) -> usize {
        self.n.min(self.inner.len())
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        self.inside(index)?.get(index)
    }
}

impl<Ds: Labelled> Labelled for TakeFirst<Ds> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        self.inside(index)?.label(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The squares of 0..n.
    struct Squares(usize);

    impl Dataset for Squares {
        type Item = usize;
        fn len(&self) -> usize {
            self.0
        }
        fn get(&self, index: usize) -> Result<usize, DataError> {
            check_index(index, self.0)?;
            Ok(index * index)
        }
    }

    #[test]
    fn pointers_are_the_data_set_they_point_to() {
        fn last<Ds: Dataset<Item = usize>>(ds: Ds) -> usize {
            ds.get(ds.len() - 1).unwrap()
        }
        let squares = Squares(5);
        assert_eq!(last(&squares), 16);
        assert_eq!(squares.len(), 5);
        assert_eq!(last(Arc::new(Squares(6))), 25);
        assert_eq!(
            last(Box::new(Squares(7)) as Box<dyn Dataset<Item = usize>>),
            36
        );
    }

    #[test]
    fn take_first_hides_the_rest() {
        let three = Squares(10).take_first(3);
        assert_eq!(three.len(), 3);
        assert_eq!(three.get(2).unwrap(), 4);
        assert!(matches!(
            three.get(3),
            Err(DataError::Index { index: 3, len: 3 })
        ));
        assert_eq!(Squares(2).take_first(9).len(), 2);
        assert!(Squares(2).take_first(0).is_empty());
    }

    #[test]
    fn an_index_past_the_end_says_so() {
        assert_eq!(
            Squares(3).get(3).unwrap_err().to_string(),
            "index 3 is past the end of a data set of 3 samples; indices count from 0"
        );
    }
}
