//! The steps that are SAM's; those between are the base optimizer's.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::StepError;

/// Which steps of a model are SAM's: from a late one on (Zhou et al. 2024), every so many (Composer's `interval`),
/// or some at random (SS-SAM, Zhao et al. 2022). The others are exactly the base optimizer's, and cost one gradient; a
/// method that keeps vectors doesn't meet them.
///
/// ```
/// use sam_runtime::step::When;
///
/// let when = When { start: 100, every: 3, ..When::ALWAYS };
/// assert!(when.is_sam(100) && !when.is_sam(101) && when.is_sam(103));
/// assert!(!when.is_sam(99));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct When {
    /// The first step that is SAM's, from 0.
    pub start: u64,
    /// Steps from one of SAM to the next, at least 1.
    pub every: u64,
    /// The probability with which one that is due is SAM's, above 0 and up to 1. Whether it is depends on the number
    /// of the step alone.
    pub probability: f64,
}

impl When {
    /// All steps.
    pub const ALWAYS: Self = Self {
        start: 0,
        every: 1,
        probability: 1.0,
    };

    /// Whether the step of this number is SAM's.
    pub fn is_sam(self, step: u64) -> bool {
        let since = step.checked_sub(self.start);
        let is_due = since.is_some_and(|since| since.checked_rem(self.every) == Some(0));
        is_due && (self.probability >= 1.0 || unit(random(step, usize::MAX)) < self.probability)
    }

    pub(super) fn check(self) -> Result<(), StepError> {
        self.problem()
            .map_or(Ok(()), |it| Err(StepError::Method(it)))
    }

    fn problem(self) -> Option<String> {
        match self {
            Self { every: 0, .. } => Some("`every` is 0, and must be at least 1".to_owned()),
            Self { probability, .. } if !(probability > 0.0 && probability <= 1.0) => Some(
                format!("`probability` is {probability}, and must be above 0 and at most 1"),
            ),
            _ => None,
        }
    }
}

/// Reading one checks it; a key that is left out is that of [`When::ALWAYS`].
impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            start: Option<u64>,
            every: Option<u64>,
            probability: Option<f64>,
        }
        let form = Form::deserialize(deserializer)?;
        let when = Self {
            start: form.start.unwrap_or(Self::ALWAYS.start),
            every: form.every.unwrap_or(Self::ALWAYS.every),
            probability: form.probability.unwrap_or(Self::ALWAYS.probability),
        };
        match when.problem() {
            Some(problem) => Err(D::Error::custom(problem)),
            None => Ok(when),
        }
    }
}

impl Default for When {
    fn default() -> Self {
        Self::ALWAYS
    }
}

/// A number at random for this step, and part of it.
pub(super) fn random(step: u64, part: usize) -> u64 {
    let mut rng = ChaCha12Rng::seed_from_u64(step);
    rng.set_stream(part as u64);
    rng.next_u64()
}

/// A number from 0 to below 1, of one at random.
pub(super) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_random_steps_is_the_probability() {
        for probability in [0.1, 0.5, 0.9] {
            let when = When {
                probability,
                ..When::ALWAYS
            };
            let steps = 0..10_000;
            let found = steps.filter(|step| when.is_sam(*step)).count() as f64 / 1e4;
            // Three standard deviations.
            let bound = 3.0 * (probability * (1.0 - probability) / 1e4).sqrt();
            assert!((found - probability).abs() < bound, "{found}");
        }
    }

    #[test]
    fn a_wrong_number_is_an_error_and_never_sam() {
        let always = When::ALWAYS;
        for when in [
            When { every: 0, ..always },
            When {
                probability: f64::NAN,
                ..always
            },
            When {
                probability: 0.0,
                ..always
            },
        ] {
            assert!(when.check().is_err());
            assert!(!when.is_sam(0), "{when:?}");
        }
        assert!(always.check().is_ok());
    }
}
