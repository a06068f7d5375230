//! What a data set is, and adapters that fit any.

use std::sync::Arc;

use super::DataError;

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
    /// One sample; [`Sample`](super::Sample) for everything that [`DataLoader`](super::DataLoader) takes.
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
