//! What was measured at one step.

use std::borrow::Cow;

use super::MetricsError;

/// The names of usual values, in the order in which records hold them.
pub mod names {
    /// The mean loss at the weights.
    pub const LOSS: &str = "loss";
    /// The mean loss of an epoch of training, each batch at the weights that it met.
    pub const TRAIN_LOSS: &str = "train_loss";
    /// The share of samples whose class was found, in `0..=1`.
    pub const ACCURACY: &str = "accuracy";
    /// The share of samples whose class was among the five largest logits, in `0..=1`.
    pub const TOP5: &str = "top5";
    /// The step size of the base optimizer.
    pub const LEARNING_RATE: &str = "learning_rate";
    /// The radius of SAM's neighbourhood.
    pub const RHO: &str = "rho";
    /// The norm of the gradient at the weights.
    pub const GRADIENT_NORM: &str = "gradient_norm";
    /// The loss at the perturbed weights less the loss at the weights.
    pub const SHARPNESS: &str = "sharpness";
    /// The largest eigenvalue of the Hessian of the loss.
    pub const LAMBDA_MAX: &str = "lambda_max";
    /// How much worse the loss of a part of the data gets within rho, as a mean over the parts.
    pub const M_SHARPNESS: &str = "m_sharpness";
    /// Gradients of the batch that a step took, as a mean over the steps since the last record: 2 with SAM, 1 with
    /// its base optimizer.
    pub const GRADIENTS: &str = "gradients";
    /// Batches that were left out, since their gradients were not finite: of the epoch so far. Only where
    /// there are some.
    pub const LEFT_OUT: &str = "left_out";
    /// Samples per second of training.
    pub const SAMPLES_PER_SECOND: &str = "samples_per_second";

    /// All of them.
    pub const ORDER: [&str; 13] = [
        LOSS,
        TRAIN_LOSS,
        ACCURACY,
        TOP5,
        LEARNING_RATE,
        RHO,
        GRADIENT_NORM,
        SHARPNESS,
        LAMBDA_MAX,
        M_SHARPNESS,
        GRADIENTS,
        LEFT_OUT,
        SAMPLES_PER_SECOND,
    ];
}

/// What a record has beside its values, and what no value can be called.
pub(super) const FIELDS: [&str; 4] = ["step", "epoch", "seconds", "split"];

/// What was measured at one step, on one split of the data.
///
/// Values come in a fixed order, however they were set: those of [`names::ORDER`] first, then others
/// as they were first set.
///
/// ```
/// use sam_runtime::run::metrics::Record;
///
/// let record = Record::new(390, 1.0, "train").seconds(12.5).with("rho", 0.05).with("loss", 1.25);
/// assert_eq!(record.get("loss"), Some(1.25));
/// assert_eq!(record.get("accuracy"), None);
/// assert_eq!(record.values().map(|(name, _)| name).collect::<Vec<_>>(), ["loss", "rho"]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Steps done since the run began, those before a resume included.
    pub step: u64,
    /// Epochs done: 2.5 is half-way through the third.
    pub epoch: f64,
    /// Wall time since the run began, in seconds.
    pub seconds: f64,
    /// `train`, `test` or another part of the data.
    pub split: Cow<'static, str>,
    values: Vec<(Cow<'static, str>, f64)>,
}

impl Record {
    /// A record with no values yet, at 0 seconds.
    pub fn new(step: u64, epoch: f64, split: impl Into<Cow<'static, str>>) -> Self {
        Self {
            step,
            epoch,
            seconds: 0.0,
            split: split.into(),
            values: Vec::new(),
        }
    }

    /// The same record at this wall time, in seconds since the run began.
    pub fn seconds(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }

    /// The same record with this value, in place of an earlier one of that name.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        self.set(name, value);
        self
    }

    /// The same record with this value if there is one, as a step's sharpness may be.
    pub fn with_some(self, name: impl Into<Cow<'static, str>>, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets a value, in place of an earlier one of that name.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        let name = name.into();
        if let Some((_, old)) = self.values.iter_mut().find(|(other, _)| *other == name) {
            *old = value;
            return;
        }
        let rank = rank(&name);
        let at = self
            .values
            .partition_point(|(other, _)| self::rank(other) <= rank);
        self.values.insert(at, (name, value));
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let mut values = self.values();
        values.find(|(other, _)| *other == name).map(|(_, v)| v)
    }

    /// Names and values in order.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (&**name, *value))
    }

    /// Whether every file can hold this record's names.
    pub(super) fn check(&self) -> Result<(), MetricsError> {
        check("split", &self.split)?;
        for (name, _) in &self.values {
            check("value", name)?;
        }
        Ok(())
    }
}

/// The place among [`names::ORDER`], or after all of them.
fn rank(name: &str) -> usize {
    let known = names::ORDER.iter().position(|known| *known == name);
    known.unwrap_or(names::ORDER.len())
}

fn check(what: &'static str, name: &str) -> Result<(), MetricsError> {
    let problem = if name.is_empty() {
        "it is empty; give it a name such as `loss`"
    } else if name.chars().any(char::is_control) {
        "it has a line break or another control character; leave it out"
    } else if what == "value" && FIELDS.contains(&name) {
        "every record has a field of that name; call it something else"
    } else {
        return Ok(());
    };
    let name = name.into();
    Err(MetricsError::Name {
        what,
        name,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_a_fixed_order_and_replace_each_other() {
        let order = |names: &[&'static str]| {
            let mut record = Record::new(0, 0.0, "train");
            for name in names {
                record.set(*name, 1.0);
            }
            let names = record.values().map(|(name, _)| name.to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(
            order(&["b", "rho", "a", "loss", "top5", "b"]),
            ["loss", "top5", "rho", "b", "a"]
        );
        let mut reversed = names::ORDER;
        reversed.reverse();
        assert_eq!(order(&reversed), names::ORDER);
        let record = Record::new(0, 0.0, "train").with("a", 1.0).with("a", 2.0);
        assert_eq!(record.values().collect::<Vec<_>>(), [("a", 2.0)]);
    }

    #[test]
    fn names_that_files_cannot_hold_are_refused() {
        let refused = |record: Record| record.check().unwrap_err().to_string();
        assert_eq!(
            refused(Record::new(0, 0.0, "")),
            "`` can't be the name of a split: it is empty; give it a name such as `loss`"
        );
        assert_eq!(
            refused(Record::new(0, 0.0, "train").with("step", 1.0)),
            "`step` can't be the name of a value: every record has a field of that name; \
             call it something else"
        );
        assert_eq!(
            refused(Record::new(0, 0.0, "train").with("a\nb", 1.0)),
            "`a\\nb` can't be the name of a value: it has a line break or another control character; \
             leave it out"
        );
        let odd = Record::new(0, 0.0, "held out, \"wild\"").with("größe, m²", 1.0);
        assert!(odd.check().is_ok());
    }
}
