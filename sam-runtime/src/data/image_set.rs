//! Data sets of 8-bit images, whose bytes can be changed before they become numbers.

use std::borrow::Cow;
use std::sync::Arc;

use dfdx::shapes::{Rank2, Rank3};

use super::{BatchShape, DataError, Dataset, LabelNoise, Labelled, Region, Sample, TakeFirst};

/// A static shape that is an image's: channels first, then rows, then columns.
pub trait ImageShape: BatchShape {
    /// 1 for grey, 3 for red, green and blue.
    const CHANNELS: usize;
    /// Rows.
    const HEIGHT: usize;
    /// Columns.
    const WIDTH: usize;
}

impl<const C: usize, const H: usize, const W: usize> ImageShape for Rank3<C, H, W> {
    const CHANNELS: usize = C;
    const HEIGHT: usize = H;
    const WIDTH: usize = W;
}

/// A grey image without an axis for its only channel.
impl<const H: usize, const W: usize> ImageShape for Rank2<H, W> {
    const CHANNELS: usize = 1;
    const HEIGHT: usize = H;
    const WIDTH: usize = W;
}

/// A data set of 8-bit images that lets its bytes be changed before it makes a sample of them.
///
/// `get(index)` is `sample_of(index, &bytes(index))`. [`Augment`](super::Augment) works between the
/// two, so that its operations see 0 to 255 whatever the normalisation.
pub trait ImageDataset: Dataset {
    /// The bytes of the image at `index`, in the order of the sample's numbers.
    ///
    /// # Errors
    /// As [`get`](Dataset::get).
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError>;

    /// The sample that `get(index)` would give if the image had these bytes: normalised alike, and
    /// with the same label.
    ///
    /// # Errors
    /// As [`get`](Dataset::get); [`DataError::InputLength`] for another number of bytes.
    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError>;

    /// For a data set whose pictures are of several sizes before they are brought to one: the bytes of a part of the
    /// picture at `index`, resized to the size of the data set's images. `choose` is asked for the part once, with
    /// the picture's height and width.
    ///
    /// `None`, unless implemented: what [`bytes`](Self::bytes) gives is the picture.
    ///
    /// # Errors
    /// As [`get`](Dataset::get).
    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        let _ = (index, choose);
        Ok(None)
    }
}

macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: ImageDataset + ?Sized> ImageDataset for $pointer {
            fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
                (**self).bytes(index)
            }
            fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
                (**self).sample_of(index, bytes)
            }
            fn part(
                &self,
                index: usize,
                choose: &mut dyn FnMut([usize; 2]) -> Region,
            ) -> Result<Option<Vec<u8>>, DataError> {
                (**self).part(index, choose)
            }
        }
    )*};
}
through_pointer!(&T, Arc<T>, Box<T>);

impl<Ds: ImageDataset> ImageDataset for TakeFirst<Ds> {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.inside(index)?.bytes(index)
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        self.inside(index)?.sample_of(index, bytes)
    }

    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        self.inside(index)?.part(index, choose)
    }
}

/// The bytes of the clean data set, under the wrong labels.
impl<Ds, S, const CLASSES: usize> ImageDataset for LabelNoise<Ds>
where
    Ds: ImageDataset<Item = Sample<S, CLASSES>>,
    S: BatchShape,
{
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.clean().bytes(index)
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        let label = self.label(index)?;
        self.clean().sample_of(index, bytes)?.with_label(label)
    }

    fn part(
        &self,
        index: usize,
        choose: &mut dyn FnMut([usize; 2]) -> Region,
    ) -> Result<Option<Vec<u8>>, DataError> {
        self.clean().part(index, choose)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Images;
    use super::*;

    #[test]
    fn every_data_set_is_its_bytes_and_its_labels() {
        fn check(ds: &impl ImageDataset<Item = Sample<Rank2<1, 2>, 3>>, labels: [usize; 3]) {
            for (index, label) in labels.into_iter().enumerate().take(ds.len()) {
                let bytes = ds.bytes(index).unwrap();
                let sample = ds.sample_of(index, &bytes).unwrap();
                assert_eq!(sample, ds.get(index).unwrap());
                assert_eq!(sample.label(), label);
                let other = ds.sample_of(index, &[255, 51]).unwrap();
                assert_eq!((other.input(), other.label()), (&[1.0, 0.2][..], label));
            }
            let len = ds.len();
            assert!(matches!(ds.bytes(len), Err(DataError::Index { .. })));
            let past = ds.sample_of(len, &[0, 0]);
            assert!(matches!(past, Err(DataError::Index { .. })));
            let long = ds.sample_of(0, &[0; 3]);
            assert!(matches!(long, Err(DataError::InputLength { found: 3, .. })));
        }
        let images = Images::<Rank2<1, 2>, 3>::new(vec![0, 1, 2, 3, 4, 5], vec![2, 0, 1]).unwrap();
        check(&images, [2, 0, 1]);
        check(&Arc::new(images.clone()), [2, 0, 1]);
        check(&images.clone().take_first(2), [2, 0, 1]);
        let noise = LabelNoise::asymmetric(images, 1.0, 0, [1, 2, 0]).unwrap();
        check(&noise, [0, 1, 2]);
    }
}
