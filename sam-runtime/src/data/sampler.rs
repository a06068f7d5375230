//! Which samples an epoch has, where that is not each of them once.

use std::fmt::Debug;

use rand::{Rng, seq::SliceRandom};

use super::{
    DataError, Labelled,
    stream::{Purpose, stream_at},
};

/// Which samples the batches of an epoch take, in which order; see [`DataLoader::sampler`](super::DataLoader::sampler).
///
/// The order must be a function of (seed, epoch) alone. Then a run that goes on from a position sees what it would have
/// seen, with any number of workers and ranks.
///
/// ```
/// use sam_runtime::data::{DataLoader, Glyphs, Sampler};
///
/// /// A curriculum: the first half of the data, and from the third epoch on all of it.
/// #[derive(Debug)]
/// struct Curriculum;
///
/// impl Sampler for Curriculum {
///     fn order(&self, samples: usize, _seed: u64, epoch: usize) -> Vec<usize> {
///         let last = if epoch < 2 { samples / 2 } else { samples };
///         (0..last).cycle().take(samples).collect()
///     }
/// }
///
/// let loader = DataLoader::<_, 4>::new(Glyphs::train(8, 0))?.sampler(Curriculum)?;
/// assert_eq!(loader.order(0), [0, 1, 2, 3, 0, 1, 2, 3]);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
pub trait Sampler: Send + Sync + Debug {
    /// How many samples each epoch of a data set of `samples` has: `samples` of them unless implemented.
    fn len(&self, samples: usize) -> usize {
        samples
    }

    /// The indices of the samples of `epoch`, as many as [`len`](Self::len) says, each below `samples`.
    fn order(&self, samples: usize, seed: u64, epoch: usize) -> Vec<usize>;

    /// Whether it fits a data set of `samples`: yes, unless implemented.
    ///
    /// # Errors
    /// [`DataError::Sampler`], for example.
    fn check(&self, samples: usize) -> Result<(), DataError> {
        let _ = samples;
        Ok(())
    }
}

/// Draws each sample with a probability that is in proportion to its weight, as PyTorch's `WeightedRandomSampler` does.
///
/// ```
/// use sam_runtime::data::{DataLoader, Dataset, Glyphs, Labelled, WeightedSampler};
///
/// let digits = Glyphs::train(200, 0);
/// // Zeros as often as all others together.
/// let weight = |index| Ok(if digits.label(index)? == 0 { 9.0 } else { 1.0 });
/// let weights = (0..digits.len()).map(weight).collect::<Result<_, sam_runtime::data::DataError>>()?;
/// let loader = DataLoader::<_, 32>::new(&digits)?.sampler(WeightedSampler::new(weights)?)?;
/// assert_eq!(loader.order(0).len(), 200);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightedSampler {
    weights: Vec<f64>,
    /// Sums of the weights up to each one.
    sums: Vec<f64>,
    len: usize,
    replacement: bool,
}

impl WeightedSampler {
    /// Draws with replacement, by one weight for each sample, as many as there are weights.
    ///
    /// # Errors
    /// [`DataError::Weight`] for a weight that is negative or not finite, and if none is above 0;
    /// [`DataError::Empty`] if there is none.
    pub fn new(weights: Vec<f64>) -> Result<Self, DataError> {
        let Some(&last) = weights.last() else {
            return Err(DataError::Empty);
        };
        let is_wrong = |&weight: &f64| !(weight.is_finite() && weight >= 0.0);
        if let Some(index) = weights.iter().position(is_wrong) {
            let weight = weights[index];
            return Err(DataError::Weight { index, weight });
        }
        // As shares of the largest one, so that sums of finite weights are finite.
        let largest = weights.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            let index = weights.len() - 1;
            return Err(DataError::Weight {
                index,
                weight: last,
            });
        }
        let weights: Vec<f64> = weights.into_iter().map(|weight| weight / largest).collect();
        let sum = |sum: &mut f64, &weight: &f64| {
            *sum += weight;
            Some(*sum)
        };
        let sums = weights.iter().scan(0.0, sum).collect();
        Ok(Self {
            len: weights.len(),
            weights,
            sums,
            replacement: true,
        })
    }

    /// Another number of samples in an epoch.
    ///
    /// # Errors
    /// [`DataError::Empty`] for 0; [`DataError::TooMany`] if they are drawn without replacement, and there are fewer of a
    /// weight above 0.
    pub fn samples(self, len: usize) -> Result<Self, DataError> {
        Self { len, ..self }.checked()
    }

    /// No sample twice in an epoch: after each draw, the next one is among those that are left. Of as many samples as there are,
    /// this is nothing but an order, in which heavy ones tend to come first; see [`samples`](Self::samples), which is called
    /// before this.
    ///
    /// # Errors
    /// [`DataError::TooMany`] if fewer samples have a weight above 0 than an epoch has.
    pub fn without_replacement(self) -> Result<Self, DataError> {
        let replacement = false;
        Self {
            replacement,
            ..self
        }
        .checked()
    }

    fn checked(self) -> Result<Self, DataError> {
        if self.len == 0 {
            return Err(DataError::Empty);
        }
        let found = self.weights.iter().filter(|&&weight| weight > 0.0).count();
        let wanted = self.len;
        if !self.replacement && wanted > found {
            return Err(DataError::TooMany { wanted, found });
        }
        Ok(self)
    }

    /// The sample at `point` of the weights' sum, from 0 to 1.
    fn at(&self, point: f64) -> usize {
        let sum = self.sums[self.sums.len() - 1];
        let index = self.sums.partition_point(|&before| before <= point * sum);
        // A product that was rounded up to the sum is that of the last sample with a weight.
        index.min(self.sums.partition_point(|&before| before < sum))
    }
}

impl Sampler for WeightedSampler {
    fn len(&self, _samples: usize) -> usize {
        self.len
    }

    fn order(&self, _samples: usize, seed: u64, epoch: usize) -> Vec<usize> {
        let mut rng = stream_at(Purpose::Weighted, seed, epoch as u64, 0);
        if self.replacement {
            return (0..self.len).map(|_| self.at(rng.r#gen())).collect();
        }
        // Efraimidis and Spirakis (2006): the largest of u^(1 / weight), here by the logarithms.
        let mut keys = Vec::new();
        for (index, &weight) in self.weights.iter().enumerate() {
            let u: f64 = 1.0 - rng.r#gen::<f64>();
            if weight > 0.0 {
                keys.push((-u.ln() / weight, index));
            }
        }
        keys.sort_by(|a, b| a.0.total_cmp(&b.0));
        keys.into_iter()
            .take(self.len)
            .map(|(_, index)| index)
            .collect()
    }

    fn check(&self, samples: usize) -> Result<(), DataError> {
        fits(self.weights.len(), samples)
    }
}

/// Shows all classes equally often, however many samples they have: to within one sample in each epoch, and over all
/// epochs together.
///
/// The samples of a class take turns, in a random order that is drawn anew after each round, and go on from one epoch to the
/// next: a large class shows other samples in the next epoch, and no sample of a class a third time before each has been shown
/// once more. An epoch has as many samples as the data set, unless [`samples`](Self::samples) says otherwise.
///
/// ```
/// use sam_runtime::{data::*, dfdx::shapes::Rank1};
///
/// // Nine of one class, one of the other.
/// let inputs = [0.0; 10];
/// let labels = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
/// let rare = InMemory::<Sample<Rank1<1>, 2>>::of_classes(&inputs, &labels)?;
/// let sampler = BalancedSampler::new(&rare)?;
/// let loader = DataLoader::<_, 5>::new(rare)?.sampler(sampler)?;
/// let ones = loader.order(0).into_iter().filter(|&index| index == 4);
/// assert_eq!(ones.count(), 5);
/// # Ok::<(), DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BalancedSampler {
    /// The samples of each class that has any.
    classes: Vec<Vec<usize>>,
    of: usize,
    len: usize,
}

impl BalancedSampler {
    /// By the classes of a data set. Reads all labels.
    ///
    /// # Errors
    /// [`DataError::Empty`] if it has no sample; whatever reading a label gives.
    pub fn new(dataset: &impl Labelled) -> Result<Self, DataError> {
        Self::try_by(dataset.len(), |index| dataset.label(index))
    }

    /// By any key of the samples, of which there are `len`; `key` is given indices.
    ///
    /// # Errors
    /// [`DataError::Empty`] for a `len` of 0.
    pub fn by<K: Ord>(len: usize, mut key: impl FnMut(usize) -> K) -> Result<Self, DataError> {
        Self::try_by(len, |index| Ok(key(index)))
    }

    fn try_by<K: Ord>(
        len: usize,
        key: impl FnMut(usize) -> Result<K, DataError>,
    ) -> Result<Self, DataError> {
        if len == 0 {
            return Err(DataError::Empty);
        }
        let classes = super::splits::by_key(len, key)?;
        let of = len;
        Ok(Self { classes, of, len })
    }

    /// Another number of samples in an epoch.
    ///
    /// # Errors
    /// [`DataError::Empty`] for 0.
    pub fn samples(self, len: usize) -> Result<Self, DataError> {
        if len == 0 {
            return Err(DataError::Empty);
        }
        Ok(Self { len, ..self })
    }
}

impl Sampler for BalancedSampler {
    fn len(&self, _samples: usize) -> usize {
        self.len
    }

    fn order(&self, _samples: usize, seed: u64, epoch: usize) -> Vec<usize> {
        // All draws of all epochs are numbered, and dealt to the classes in turn.
        let first = self.len as u128 * epoch as u128;
        let end = first + self.len as u128;
        let classes = self.classes.len() as u128;
        let mut order = Vec::with_capacity(self.len);
        for (number, class) in self.classes.iter().enumerate() {
            let before = |draw: u128| (draw + classes - 1 - number as u128) / classes;
            let size = class.len() as u128;
            let mut round = None;
            for turn in before(first)..before(end) {
                let (which, place) = (turn / size, (turn % size) as usize);
                let (_, shuffled) = match round.take() {
                    Some((at, shuffled)) if at == which => round.insert((at, shuffled)),
                    _ => {
                        let mut shuffled = class.clone();
                        let name = number as u64;
                        shuffled.shuffle(&mut stream_at(
                            Purpose::Balanced,
                            seed,
                            which as u64,
                            name,
                        ));
                        round.insert((which, shuffled))
                    }
                };
                order.push(shuffled[place]);
            }
        }
        order.shuffle(&mut stream_at(
            Purpose::Balanced,
            seed,
            epoch as u64,
            u64::MAX,
        ));
        order
    }

    fn check(&self, samples: usize) -> Result<(), DataError> {
        fits(self.of, samples)
    }
}

/// `Ok` for a data set that a sampler was made for.
fn fits(expected: usize, found: usize) -> Result<(), DataError> {
    if expected == found {
        Ok(())
    } else {
        Err(DataError::Sampler { expected, found })
    }
}
