//! What happens to samples between a data set and a batch.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::stream::{Purpose, stream_at};
use super::{DataError, Dataset};

/// What randomness is a function of, within one epoch of one loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The loader's seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: usize,
    /// The sample's index in its data set, or the batch's number in its epoch.
    pub index: usize,
}

impl Draw {
    /// A generator of its own for the sample, whatever order samples are read in.
    pub fn rng(&self) -> impl Rng + use<> {
        self.stream(Purpose::Augment)
    }

    pub(super) fn stream(&self, purpose: Purpose) -> ChaCha8Rng {
        stream_at(purpose, self.seed, self.epoch as u64, self.index as u64)
    }
}

/// What a [`DataLoader`](super::DataLoader) does to the samples of an epoch on their way into
/// batches; see [`DataLoader::augment`](super::DataLoader::augment).
///
/// Both steps must be pure functions of their arguments, so that a resumed run, or one with another
/// number of workers, sees the same data.
///
/// ```
/// use sam_runtime::{data::*, dfdx::{shapes::Rank1, tensor::Cpu}};
///
/// /// Turns images to their negative in every other epoch.
/// struct Negative;
///
/// impl<Ds: Dataset<Item = Sample<Rank1<784>, 10>>> Transform<Ds> for Negative {
///     fn sample(&self, dataset: &Ds, draw: Draw) -> Result<Ds::Item, DataError> {
///         let mut sample = dataset.get(draw.index)?;
///         if draw.epoch % 2 == 1 {
///             sample.input_mut().iter_mut().for_each(|x| *x = 1.0 - *x);
///         }
///         Ok(sample)
///     }
/// }
///
/// let loader = DataLoader::<_, 8>::new(Glyphs::train(8, 0))?.shuffle(false).augment(Negative);
/// let dev = Cpu::default();
/// let [(plain, _), (turned, _)] = [0, 1].map(|epoch| loader.epoch(&dev, epoch).next().unwrap());
/// let sums = plain.as_vec().into_iter().zip(turned.as_vec()).map(|(a, b)| a + b);
/// assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-6));
/// # Ok::<(), DataError>(())
/// ```
pub trait Transform<Ds: Dataset>: Send + Sync {
    /// The sample at `draw.index` as this epoch shows it.
    ///
    /// # Errors
    /// As [`Dataset::get`].
    fn sample(&self, dataset: &Ds, draw: Draw) -> Result<Ds::Item, DataError>;

    /// Changes a batch of `rows` samples: inputs and one-hot targets, row by row. Does nothing
    /// unless implemented. `draw.index` is the number of the batch.
    ///
    /// Of samples that are not [`Sample`](super::Sample)s, these are the first two parts, where they hold `f32` (a sequence's
    /// values among them, without its mask); of a part that doesn't, there is nothing.
    fn batch(&self, inputs: &mut [f32], targets: &mut [f32], rows: usize, draw: Draw) {
        let _ = (inputs, targets, rows, draw);
    }
}

/// No transform: every epoch shows the samples as the data set has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain;

impl<Ds: Dataset> Transform<Ds> for Plain {
    fn sample(&self, dataset: &Ds, draw: Draw) -> Result<Ds::Item, DataError> {
        dataset.get(draw.index)
    }
}
