//! Labelled images in memory.

use std::borrow::Cow;
use std::marker::PhantomData;

use dfdx::shapes::ConstShape;

use super::dataset::check_index;
use super::sample::check_label;
use super::{DataError, Dataset, ImageDataset, Labelled, Sample};

/// Labelled 8-bit images of the static shape `S`, one of `CLASSES` classes each.
///
/// Pixels are kept as bytes, a quarter of the memory that `f32` takes, and become numbers when a
/// sample is read: 0 to 1, or standardised after [`normalized`](Self::normalized). Their order is
/// row-major in `S`; images with channels keep them first (`Rank3<3, 32, 32>`), as dfdx's
/// convolutions do.
///
/// ```
/// use sam_runtime::{data::{Dataset, Images}, dfdx::shapes::Rank3};
///
/// // Two images of 2 x 2 gray pixels.
/// let pixels = vec![0, 51, 102, 255, 255, 255, 255, 255];
/// let images = Images::<Rank3<1, 2, 2>, 10>::new(pixels, vec![3, 7])?;
/// assert_eq!(images.get(0)?.input(), [0.0, 0.2, 0.4, 1.0]);
/// assert_eq!(images.get(1)?.label(), 7);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Images<S, const CLASSES: usize> {
    pixels: Vec<u8>,
    labels: Vec<usize>,
    /// For each channel, the number that each byte stands for.
    values: Vec<ByteValues>,
    shape: PhantomData<S>,
}

/// The number that each byte stands for.
pub(super) type ByteValues = [f32; 256];

/// Mean and standard deviation of a channel's pixels, where black is 0 and white is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelStats {
    /// The mean.
    pub mean: f32,
    /// The standard deviation (of the population: divided by n).
    pub std: f32,
}

impl ChannelStats {
    /// What leaves pixels at 0 to 1.
    pub(super) const UNIT: Self = Self {
        mean: 0.0,
        std: 1.0,
    };

    pub(super) fn values(self) -> ByteValues {
        std::array::from_fn(|byte| (byte as f32 / 255.0 - self.mean) / self.std)
    }
}

impl<S: ConstShape, const CLASSES: usize> Images<S, CLASSES> {
    /// Images from their bytes, one image of `S::NUMEL` after the other, and their classes.
    ///
    /// # Errors
    /// [`DataError::PixelCount`] unless there are `S::NUMEL` pixels per label; [`DataError::Label`]
    /// for a label that is not below `CLASSES`.
    pub fn new(pixels: Vec<u8>, labels: Vec<usize>) -> Result<Self, DataError> {
        if labels.len().checked_mul(S::NUMEL) != Some(pixels.len()) {
            return Err(DataError::PixelCount {
                pixels: pixels.len(),
                labels: labels.len(),
                numel: S::NUMEL,
            });
        }
        for (index, &label) in labels.iter().enumerate() {
            check_label(label, CLASSES).map_err(|error| error.of_sample(index))?;
        }
        let values = vec![ChannelStats::UNIT.values()];
        Ok(Self {
            pixels,
            labels,
            values,
            shape: PhantomData,
        })
    }

    /// Mean and deviation of each of `channels` equal parts of the images, over all images.
    ///
    /// Always of the pixels at 0 to 1, whether or not the images are normalised. Take them from the
    /// training images and normalise training and test images by the same ones. An empty data set
    /// has no mean: all its numbers are NaN.
    ///
    /// # Errors
    /// [`DataError::Channels`] unless `channels` divides `S::NUMEL`.
    pub fn channel_stats(&self, channels: usize) -> Result<Vec<ChannelStats>, DataError> {
        let part = channel_len(S::NUMEL, channels)?;
        let mut counts = vec![[0_u64; 256]; channels];
        for (i, run) in self.pixels.chunks_exact(part).enumerate() {
            for &pixel in run {
                counts[i % channels][usize::from(pixel)] += 1;
            }
        }
        Ok(counts.iter().map(stats_of).collect())
    }

    /// The same images, giving `(pixel - mean) / std` of each channel instead of 0 to 1.
    ///
    /// One entry holds for the whole image; more stand for as many channels. An earlier
    /// normalisation is replaced, not added to.
    ///
    /// # Errors
    /// [`DataError::Channels`] unless their number divides `S::NUMEL`; [`DataError::Stats`] for a
    /// deviation that is not above 0 or a number that is not finite.
    pub fn normalized(self, stats: &[ChannelStats]) -> Result<Self, DataError> {
        let values = tables(S::NUMEL, stats)?;
        Ok(Self { values, ..self })
    }

    /// The same images, with their bytes standing for these numbers.
    #[cfg(feature = "image")]
    pub(super) fn with_values(self, values: Vec<ByteValues>) -> Self {
        Self { values, ..self }
    }

    /// The same images under another shape of as many elements, such as `Rank3<1, 28, 28>` for
    /// `Rank1<784>`. Another number of elements doesn't compile.
    pub fn reshape<T: ConstShape>(self) -> Images<T, CLASSES> {
        const {
            assert!(
                S::NUMEL == T::NUMEL,
                "both shapes need the same number of elements"
            )
        };
        let Self {
            pixels,
            labels,
            values,
            ..
        } = self;
        Images {
            pixels,
            labels,
            values,
            shape: PhantomData,
        }
    }

    /// The bytes of the image at `index`, from 0 (black) to 255, never normalised.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end.
    pub fn pixels(&self, index: usize) -> Result<&[u8], DataError> {
        check_index(index, self.labels.len())?;
        Ok(&self.pixels[index * S::NUMEL..][..S::NUMEL])
    }
}

impl<S: ConstShape, const CLASSES: usize> Dataset for Images<S, CLASSES> {
    type Item = Sample<S, CLASSES>;

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        self.sample_of(index, self.pixels(index)?)
    }
}

impl<S: ConstShape, const CLASSES: usize> ImageDataset for Images<S, CLASSES> {
    fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        self.pixels(index).map(Cow::Borrowed)
    }

    fn sample_of(&self, index: usize, bytes: &[u8]) -> Result<Self::Item, DataError> {
        let label = self.label(index)?;
        Sample::new(numbers(S::NUMEL, bytes, &self.values)?, label)
    }
}

impl<S: ConstShape, const CLASSES: usize> Labelled for Images<S, CLASSES> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.labels.len())?;
        Ok(self.labels[index])
    }
}

/// What bytes of an image of `numel` of them stand for once normalised, for each of as many channels as there are `stats`.
///
/// # Errors
/// As [`Images::normalized`].
pub(super) fn tables(numel: usize, stats: &[ChannelStats]) -> Result<Vec<ByteValues>, DataError> {
    channel_len(numel, stats.len())?;
    for (channel, &ChannelStats { mean, std }) in stats.iter().enumerate() {
        if !(mean.is_finite() && std.is_finite() && std > 0.0) {
            return Err(DataError::Stats { channel, mean, std });
        }
    }
    Ok(stats.iter().map(|stats| stats.values()).collect())
}

/// The numbers that an image's bytes stand for.
///
/// # Errors
/// [`DataError::InputLength`] unless there are `numel` bytes.
pub(super) fn numbers(
    numel: usize,
    bytes: &[u8],
    values: &[ByteValues],
) -> Result<Vec<f32>, DataError> {
    if bytes.len() != numel {
        return Err(DataError::InputLength {
            expected: numel,
            found: bytes.len(),
        });
    }
    let part = channel_len(numel, values.len())?;
    let mut input = Vec::with_capacity(numel);
    // An image at random is in no cache. A copy fetches its lines side by side; looking pixels up one by
    // one would wait for each.
    let mut near = [0; NEAR];
    for (run, values) in bytes.chunks_exact(part).zip(values) {
        for run in run.chunks(NEAR) {
            let near = &mut near[..run.len()];
            near.copy_from_slice(run);
            input.extend(near.iter().map(|&pixel| values[usize::from(pixel)]));
        }
    }
    Ok(input)
}

/// Bytes that are copied at once.
const NEAR: usize = 2048;

/// The pixels in each of `channels` equal parts of an image.
fn channel_len(numel: usize, channels: usize) -> Result<usize, DataError> {
    if channels > 0 && numel > 0 && numel.is_multiple_of(channels) {
        Ok(numel / channels)
    } else {
        Err(DataError::Channels { channels, numel })
    }
}

/// Mean and deviation from how often each byte occurs; exact sums, so no rounding piles up.
fn stats_of(counts: &[u64; 256]) -> ChannelStats {
    let moment = |power: u32| -> f64 {
        counts
            .iter()
            .zip(0_u64..)
            .map(|(&n, byte)| (n * byte.pow(power)) as f64)
            .sum()
    };
    let n = moment(0);
    let mean = moment(1) / n;
    let variance = moment(2) / n - mean * mean;
    ChannelStats {
        mean: (mean / 255.0) as f32,
        std: (variance.max(0.0).sqrt() / 255.0) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::shapes::{Rank1, Rank2, Rank3};

    fn two() -> Images<Rank3<2, 1, 2>, 3> {
        Images::new(vec![0, 255, 51, 51, 255, 0, 153, 153], vec![2, 0]).unwrap()
    }

    #[test]
    fn pixels_run_from_0_to_1() {
        let first = two().get(0).unwrap();
        assert_eq!(first.input(), [0.0, 1.0, 0.2, 0.2]);
        assert_eq!((first.label(), two().label(1).unwrap()), (2, 0));
        assert_eq!(two().pixels(1).unwrap(), [255, 0, 153, 153]);
        assert!(matches!(
            two().get(2),
            Err(DataError::Index { index: 2, len: 2 })
        ));
    }

    #[test]
    fn each_channel_is_normalised_by_its_own_stats() {
        let stats = two().channel_stats(2).unwrap();
        assert_eq!(
            stats[0],
            ChannelStats {
                mean: 0.5,
                std: 0.5
            }
        );
        assert!((stats[1].mean - 0.4).abs() < 1e-6 && (stats[1].std - 0.2).abs() < 1e-6);

        let images = two().normalized(&stats).unwrap();
        let close = |index: usize, wanted: [f32; 4]| {
            let sample = images.get(index).unwrap();
            sample
                .input()
                .iter()
                .zip(wanted)
                .all(|(x, w)| (x - w).abs() < 1e-5)
        };
        assert!(close(0, [-1.0, 1.0, -1.0, -1.0]));
        assert!(close(1, [1.0, -1.0, 1.0, 1.0]));
        // The stats are of the raw pixels, so normalising again changes nothing.
        assert_eq!(images.channel_stats(2).unwrap(), stats);
    }

    #[test]
    fn stats_that_cannot_normalise_are_refused() {
        assert!(matches!(
            two().channel_stats(3),
            Err(DataError::Channels {
                channels: 3,
                numel: 4
            })
        ));
        assert!(matches!(
            two().channel_stats(0),
            Err(DataError::Channels { .. })
        ));
        for (mean, std) in [
            (0.0, 0.0),
            (f32::NAN, 1.0),
            (0.0, f32::INFINITY),
            (0.0, -1.0),
        ] {
            let refused = two().normalized(&[ChannelStats { mean, std }]);
            assert!(matches!(refused, Err(DataError::Stats { channel: 0, .. })));
        }
    }

    #[test]
    fn a_new_shape_keeps_every_number() {
        let flat = two().reshape::<Rank1<4>>();
        assert_eq!(flat.get(1).unwrap().input(), two().get(1).unwrap().input());
    }

    #[test]
    fn pixels_and_labels_must_fit() {
        let count = Images::<Rank2<2, 2>, 3>::new(vec![0; 7], vec![0, 1]).unwrap_err();
        assert_eq!(
            count.to_string(),
            "7 pixels and 2 labels don't fit together: with 4 pixels per image, \
             give 4 times as many pixels as labels"
        );
        let class = Images::<Rank2<2, 2>, 3>::new(vec![0; 8], vec![0, 3]);
        assert_eq!(
            class.unwrap_err().to_string(),
            "the label of sample 1 is 3, which is not below 3, the number of classes; labels count from 0"
        );
    }
}
