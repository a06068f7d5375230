//! What a network says of one input.

use std::{borrow::Cow, fmt, sync::Arc};

use super::{Description, PredictError};

/// What a network says of one input: a class, or the numbers of a regression.
///
/// Which of the two it is, only who trained the network knows; what is asked for is computed of the same outputs. They are finite.
///
/// Of two classes and a single logit, as [`BinaryCrossEntropyLoss`](crate::nn::loss) trains it, the logit's sigmoid is the probability of the second one.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    outputs: Vec<f32>,
    about: Arc<Description>,
}

/// One class among others.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// The class, from 0.
    pub class: usize,
    /// Its name; its number where it has none.
    pub name: Cow<'a, str>,
    /// Its probability, from 0 to 1.
    pub probability: f32,
}

impl Prediction {
    pub(super) fn new(outputs: &[f32], about: &Arc<Description>) -> Result<Self, PredictError> {
        let outputs = outputs.to_vec();
        match outputs.iter().all(|x| x.is_finite()) {
            true => Ok(Self {
                outputs,
                about: Arc::clone(about),
            }),
            false => Err(PredictError::NotFinite { outputs }),
        }
    }

    /// The class of the largest logit, from 0; of equal ones, the first.
    pub fn class(&self) -> usize {
        if self.says_yes_or_no() {
            return usize::from(self.outputs[0] > 0.0);
        }
        let all = self.outputs.iter().enumerate();
        let best = all.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(0, |(class, _)| class)
    }

    /// The name of that class; its number where it has none.
    pub fn name(&self) -> Cow<'_, str> {
        self.name_of(self.class())
    }

    /// The probability of that class: from 0 to 1.
    pub fn probability(&self) -> f32 {
        let all = self.probabilities();
        all.get(self.class()).copied().unwrap_or(1.0)
    }

    /// The probabilities of all classes, in their order: the softmax of the logits.
    pub fn probabilities(&self) -> Vec<f32> {
        if self.says_yes_or_no() {
            // The softmax of it and 0, without differences of numbers that are nearly 1.
            let logit = f64::from(self.outputs[0]);
            let sigmoid = |x: f64| (1.0 / (1.0 + (-x).exp())) as f32;
            return vec![sigmoid(-logit), sigmoid(logit)];
        }
        let largest = self
            .outputs
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let shares = self.outputs.iter();
        let shares: Vec<f64> = shares
            .map(|&x| (f64::from(x) - f64::from(largest)).exp())
            .collect();
        let sum: f64 = shares.iter().sum();
        shares.iter().map(|share| (share / sum) as f32).collect()
    }

    /// The `k` most probable classes, or all if there are fewer, the most probable one first; of equal ones, the first.
    pub fn top(&self, k: usize) -> Vec<Candidate<'_>> {
        let mut all: Vec<(usize, f32)> = self.probabilities().into_iter().enumerate().collect();
        // Of logits, as far apart ones may have probabilities that are the same in 32 bits.
        let rank = |class: usize| match self.says_yes_or_no() {
            true => [-self.outputs[0], self.outputs[0]][class],
            false => self.outputs[class],
        };
        // Stable: of equal ones, the first stays in front.
        all.sort_by(|a, b| {
            let order = rank(b.0).partial_cmp(&rank(a.0));
            order.unwrap_or(std::cmp::Ordering::Equal)
        });
        all.truncate(k);
        all.into_iter()
            .map(|(class, probability)| Candidate {
                class,
                name: self.name_of(class),
                probability,
            })
            .collect()
    }

    /// What the network gave: the logits of the classes, or scaled numbers.
    pub fn logits(&self) -> &[f32] {
        &self.outputs
    }

    /// Of a regression: the numbers that are predicted, in the units of the table that they were learned from. What was not learned from a
    /// table's numbers is what the network gave.
    pub fn values(&self) -> Vec<f64> {
        self.about.preprocessing.values(&self.outputs)
    }

    /// The first of these, which most regressions have alone.
    pub fn value(&self) -> f64 {
        self.values().first().copied().unwrap_or(f64::NAN)
    }

    fn says_yes_or_no(&self) -> bool {
        self.about.says_yes_or_no(self.outputs.len())
    }

    fn name_of(&self, class: usize) -> Cow<'_, str> {
        match self.about.classes.get(class) {
            Some(name) => name.into(),
            None => class.to_string().into(),
        }
    }
}

/// The class with its probability, `oak (98.2 %)`; the values where classes have no names, `230.5, 3.25`.
impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.about.classes.is_empty() {
            let values: Vec<String> = self.values().iter().map(f64::to_string).collect();
            return f.write_str(&values.join(", "));
        }
        write!(f, "{} ({:.1} %)", self.name(), 100.0 * self.probability())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(outputs: &[f32], classes: &[&str]) -> Prediction {
        let about = Description::new().classes(classes.iter().copied());
        Prediction::new(outputs, &Arc::new(about)).unwrap()
    }

    #[test]
    fn classes_are_ranked_by_their_logits() {
        // So far apart that the last two have the probability 0, and equal ones.
        let said = of(&[-300.0, 2.0, -200.0, 2.0], &["a", "b", "c", "d"]);
        assert_eq!((said.class(), &*said.name()), (1, "b"));
        assert_eq!(said.probabilities(), [0.0, 0.5, 0.0, 0.5]);
        let order: Vec<usize> = said.top(9).iter().map(|one| one.class).collect();
        assert_eq!(order, [1, 3, 2, 0]);
        assert_eq!(said.top(1)[0].probability, said.probability());
        assert_eq!(said.to_string(), "b (50.0 %)");
        assert!(said.top(0).is_empty());
    }

    #[test]
    fn probabilities_are_the_softmax() {
        let said = of(&[1.0, 2.0, 4.0], &[]);
        let sum: f64 = [1.0_f64, 2.0, 4.0].map(f64::exp).iter().sum();
        let wanted = [1.0_f64, 2.0, 4.0].map(|x| (x.exp() / sum) as f32);
        assert_eq!(said.probabilities(), wanted);
        // Without names, numbers.
        assert_eq!(
            (said.name(), said.to_string()),
            ("2".into(), "1, 2, 4".into())
        );
        // Far beyond what `exp` can give.
        assert_eq!(of(&[1e30, 3e38], &[]).probabilities(), [0.0, 1.0]);
    }

    #[test]
    fn one_logit_says_yes_or_no() {
        let yes = of(&[2.0], &["no", "yes"]);
        let sigmoid = 1.0 / (1.0 + (-2.0_f64).exp());
        assert_eq!((yes.class(), &*yes.name()), (1, "yes"));
        assert_eq!(yes.probability(), sigmoid as f32);
        assert_eq!(yes.probabilities()[0], (1.0 - sigmoid) as f32);
        let no = of(&[-1e30], &["no", "yes"]);
        assert_eq!((no.class(), no.probability()), (0, 1.0));
        assert_eq!([no.top(2)[0].class, no.top(2)[1].class], [0, 1]);
        // On the fence.
        let even = of(&[0.0], &["no", "yes"]);
        assert_eq!(
            (even.class(), even.top(1)[0].class, even.probability()),
            (0, 0, 0.5)
        );
    }

    #[test]
    fn what_says_nothing_is_an_error() {
        for outputs in [[f32::NAN, 1.0], [0.0, f32::INFINITY]] {
            let error = Prediction::new(&outputs, &Arc::default()).unwrap_err();
            assert!(error.to_string().contains("look for NaN"), "{error}");
        }
        let none = of(&[], &[]);
        assert_eq!((none.class(), none.probability()), (0, 1.0));
        assert!(none.value().is_nan() && none.top(3).is_empty());
    }
}
