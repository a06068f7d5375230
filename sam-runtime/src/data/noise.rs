//! Wrong labels on purpose.

use dfdx::shapes::ConstShape;
use rand::Rng;
use rand::seq::SliceRandom;

use super::dataset::check_index;
use super::sample::check_label;
use super::stream::{Purpose, stream};
use super::{DataError, Dataset, Labelled, Sample};

/// A data set with some labels replaced by wrong ones, fixed once for all epochs.
///
/// Which labels are wrong, and what they become, is a pure function of (seed, labels). With the same
/// seed a higher rate keeps all wrong labels of a lower one and adds to them. The clean data set
/// stays reachable through [`clean`](Self::clean), so that a network's accuracy can be measured
/// against both.
///
/// ```
/// use sam_runtime::data::{Dataset, Glyphs, LabelNoise, Labelled};
///
/// let noisy = LabelNoise::symmetric(Glyphs::train(100, 0), 0.4, 7)?;
/// assert_eq!(noisy.changed(), 40);
/// let wrong = (0..noisy.len()).filter(|&i| noisy.label(i).ok() != noisy.clean().label(i).ok());
/// assert_eq!(wrong.count(), 40);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LabelNoise<Ds> {
    clean: Ds,
    labels: Vec<usize>,
    changed: usize,
}

impl<Ds, S, const CLASSES: usize> LabelNoise<Ds>
where
    Ds: Labelled + Dataset<Item = Sample<S, CLASSES>>,
    S: ConstShape,
{
    /// Symmetric noise: exactly `(rate * len).round()` labels are wrong, each drawn uniformly from
    /// the `CLASSES - 1` other classes.
    ///
    /// # Errors
    /// [`DataError::Rate`] unless `rate` lies from 0 to 1; [`DataError::NoOtherClass`] if there is
    /// only one class; whatever reading a label gives.
    pub fn symmetric(clean: Ds, rate: f64, seed: u64) -> Result<Self, DataError> {
        if CLASSES < 2 {
            return Err(DataError::NoOtherClass { classes: CLASSES });
        }
        let labels = labels_of(&clean, CLASSES)?;
        let candidates = (0..labels.len()).collect();
        // Counting on from the label by 1 to CLASSES - 1 reaches each other class once.
        Self::build(clean, labels, candidates, rate, seed, |label, rng| {
            (label + rng.gen_range(1..CLASSES as u32) as usize) % CLASSES
        })
    }

    /// Asymmetric noise: of the samples whose class `map` moves, exactly that fraction (`rate`,
    /// rounded) takes the label `map[class]`.
    ///
    /// A class that maps to itself keeps its labels; [`next_class`] is the map that moves every
    /// class to the next.
    ///
    /// # Errors
    /// As [`symmetric`](Self::symmetric), without the need for two classes; [`DataError::Label`]
    /// for a class in `map` that doesn't exist.
    pub fn asymmetric(
        clean: Ds,
        rate: f64,
        seed: u64,
        map: [usize; CLASSES],
    ) -> Result<Self, DataError> {
        map.iter()
            .try_for_each(|&class| check_label(class, CLASSES))?;
        let labels = labels_of(&clean, CLASSES)?;
        let candidates = (0..labels.len())
            .filter(|&i| map[labels[i]] != labels[i])
            .collect();
        Self::build(clean, labels, candidates, rate, seed, |label, _| map[label])
    }

    fn build(
        clean: Ds,
        mut labels: Vec<usize>,
        mut candidates: Vec<usize>,
        rate: f64,
        seed: u64,
        mut wrong: impl FnMut(usize, &mut rand_chacha::ChaCha8Rng) -> usize,
    ) -> Result<Self, DataError> {
        if !(0.0..=1.0).contains(&rate) {
            return Err(DataError::Rate { rate });
        }
        let changed = (rate * candidates.len() as f64).round() as usize;
        let mut rng = stream(Purpose::Noise, seed, 0);
        // The whole list is shuffled, not only what this rate needs: the stream then stands at the
        // same place for every rate, which is what makes rates nest.
        candidates.shuffle(&mut rng);
        for &index in &candidates[..changed] {
            labels[index] = wrong(labels[index], &mut rng);
        }
        Ok(Self {
            clean,
            labels,
            changed,
        })
    }
}

impl<Ds> LabelNoise<Ds> {
    /// How many labels are wrong.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// All labels, the wrong ones included, by index.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The data set with its clean labels, at the same indices.
    pub fn clean(&self) -> &Ds {
        &self.clean
    }

    /// Gives the clean data set back.
    pub fn into_clean(self) -> Ds {
        self.clean
    }
}

impl<Ds, S, const CLASSES: usize> Dataset for LabelNoise<Ds>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: ConstShape,
{
    type Item = Sample<S, CLASSES>;

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        check_index(index, self.labels.len())?;
        self.clean.get(index)?.with_label(self.labels[index])
    }
}

impl<Ds, S, const CLASSES: usize> Labelled for LabelNoise<Ds>
where
    Ds: Dataset<Item = Sample<S, CLASSES>>,
    S: ConstShape,
{
    fn label(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.labels.len())?;
        Ok(self.labels[index])
    }
}

/// The map of class `a` to `a + 1`, and of the last class to 0.
///
/// ```
/// assert_eq!(sam_runtime::data::next_class::<4>(), [1, 2, 3, 0]);
/// ```
pub fn next_class<const CLASSES: usize>() -> [usize; CLASSES] {
    std::array::from_fn(|class| (class + 1) % CLASSES)
}

/// All labels, each checked: only a [`Sample`]'s label is sure to be one of its classes.
fn labels_of(ds: &impl Labelled, classes: usize) -> Result<Vec<usize>, DataError> {
    let checked = |label| check_label(label, classes).map(|()| label);
    (0..ds.len())
        .map(|index| {
            let label = ds.label(index).and_then(checked);
            label.map_err(|error| error.of_sample(index))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Images;
    use super::*;
    use dfdx::shapes::Rank1;
    use proptest::prelude::*;

    type Tiny = Images<Rank1<1>, 4>;

    /// `n` images whose classes go round.
    fn tiny(n: usize) -> Tiny {
        Images::new(
            (0..n).map(|i| i as u8).collect(),
            (0..n).map(|i| i % 4).collect(),
        )
        .unwrap()
    }

    fn wrong(noisy: &LabelNoise<Tiny>) -> Vec<usize> {
        let clean = |i| noisy.clean().label(i).unwrap();
        (0..noisy.len())
            .filter(|&i| noisy.labels()[i] != clean(i))
            .collect()
    }

    proptest! {
        #[test]
        fn exactly_the_rate_is_wrong(n in 0_usize..200, rate in 0.0..=1.0_f64, seed: u64) {
            let expected = (rate * n as f64).round() as usize;
            let symmetric = LabelNoise::symmetric(tiny(n), rate, seed).unwrap();
            prop_assert_eq!(symmetric.changed(), expected);
            prop_assert_eq!(wrong(&symmetric).len(), expected);
            let asymmetric = LabelNoise::asymmetric(tiny(n), rate, seed, next_class()).unwrap();
            prop_assert_eq!(asymmetric.changed(), expected);
            prop_assert_eq!(wrong(&asymmetric).len(), expected);
            for i in wrong(&asymmetric) {
                prop_assert_eq!(asymmetric.labels()[i], (i + 1) % 4);
            }
        }

        #[test]
        fn rates_nest(low in 0.0..=1.0_f64, high in 0.0..=1.0_f64, seed: u64) {
            let (low, high) = (low.min(high), low.max(high));
            let [low, high] = [low, high].map(|r| LabelNoise::symmetric(tiny(100), r, seed).unwrap());
            for i in wrong(&low) {
                prop_assert_eq!(low.labels()[i], high.labels()[i]);
            }
        }
    }

    #[test]
    fn only_the_label_changes_and_only_by_the_seed() {
        let noisy = LabelNoise::symmetric(tiny(100), 0.4, 5).unwrap();
        for i in 0..100 {
            let (noisy_sample, clean) = (noisy.get(i).unwrap(), noisy.clean().get(i).unwrap());
            assert_eq!(noisy_sample.input(), clean.input());
            assert_eq!(noisy_sample.label(), noisy.labels()[i]);
            assert_eq!(noisy.label(i).unwrap(), noisy.labels()[i]);
            assert_eq!(clean.label(), i % 4);
        }
        let labels = |seed| {
            LabelNoise::symmetric(tiny(100), 0.4, seed)
                .unwrap()
                .labels()
                .to_vec()
        };
        assert_eq!(labels(5), noisy.labels());
        assert_ne!(labels(6), noisy.labels());
        assert!(matches!(
            noisy.get(100),
            Err(DataError::Index {
                index: 100,
                len: 100
            })
        ));
        assert_eq!(noisy.into_clean().len(), 100);
    }

    #[test]
    fn the_noise_is_the_same_in_every_release() {
        // Published figures and resumed runs name a seed, not the labels.
        let noisy = LabelNoise::symmetric(tiny(10), 0.5, 42).unwrap();
        assert_eq!(noisy.labels(), [2, 1, 3, 0, 0, 1, 2, 1, 0, 2]);
    }

    #[test]
    fn wrong_classes_are_uniform() {
        let noisy = LabelNoise::symmetric(tiny(12_000), 1.0, 1).unwrap();
        let mut counts = [[0; 4]; 4];
        for (i, &label) in noisy.labels().iter().enumerate() {
            counts[i % 4][label] += 1;
        }
        for (class, row) in counts.iter().enumerate() {
            for (label, &n) in row.iter().enumerate() {
                // 1,000 expected; the deviation of such a count is 26.
                assert!(
                    if class == label {
                        n == 0
                    } else {
                        (870..1130).contains(&n)
                    },
                    "{counts:?}"
                );
            }
        }
    }

    #[test]
    fn a_class_that_maps_to_itself_stays_clean() {
        let noisy = LabelNoise::asymmetric(tiny(80), 0.5, 3, [0, 2, 1, 3]).unwrap();
        assert_eq!(noisy.changed(), 20);
        let indices = wrong(&noisy);
        assert_eq!(indices.len(), 20);
        assert!(
            indices
                .iter()
                .all(|i| matches!((i % 4, noisy.labels()[*i]), (1, 2) | (2, 1)))
        );
    }

    #[test]
    fn what_is_no_rate_or_no_class_is_refused() {
        for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                LabelNoise::symmetric(tiny(4), rate, 0),
                Err(DataError::Rate { .. })
            ));
        }
        assert_eq!(
            LabelNoise::asymmetric(tiny(4), 40.0, 0, next_class())
                .unwrap_err()
                .to_string(),
            "noise rate 40 is not a number from 0 to 1; 0.4 stands for 40 % wrong labels"
        );
        let map = LabelNoise::asymmetric(tiny(4), 0.4, 0, [0, 1, 2, 4]);
        assert!(matches!(
            map,
            Err(DataError::Label {
                index: None,
                label: 4,
                classes: 4
            })
        ));
        let one = Images::<Rank1<1>, 1>::new(vec![0], vec![0]).unwrap();
        assert!(matches!(
            LabelNoise::symmetric(one, 0.5, 0),
            Err(DataError::NoOtherClass { classes: 1 })
        ));
    }
}
