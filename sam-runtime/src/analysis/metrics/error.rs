//! Why a metric did not take a batch.

/// Any failure of this module. Nothing of the batch was taken.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A NaN.
    #[error("row {row} of the {what} has a NaN; look for what made it, or leave the batch out")]
    NotANumber {
        /// `logits`, `targets`, ...
        what: &'static str,
        /// The row, from 0.
        row: usize,
    },
    /// A number that is none of those allowed.
    #[error("row {row} of the {what} has {value}, and must have {allowed}")]
    Value {
        /// `targets`, `confidences`, ...
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The number.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A class that the metric was not made for.
    #[error("sample {sample} has class {class}, and there are {classes}, from 0")]
    Class {
        /// The sample of the batch, from 0.
        sample: usize,
        /// Its class.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// Predictions and targets differ in number.
    #[error("{predictions} predictions and {targets} targets; there must be one for each")]
    Length {
        /// Predictions.
        predictions: usize,
        /// Targets.
        targets: usize,
    },
    /// Rows are not as long as the metric was made for, or two metrics that were to be merged differ.
    #[error("{found} {what}, and the metric was made for {expected}")]
    Size {
        /// `classes`, `outputs`, `bins`.
        what: &'static str,
        /// Those that came.
        found: usize,
        /// Those expected.
        expected: usize,
    },
}

crate::debug::debug_as_display!(MetricError);

/// Refuses other than `expected` of `what`.
pub(super) fn check_size(
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), MetricError> {
    match found == expected {
        true => Ok(()),
        false => Err(MetricError::Size {
            what,
            found,
            expected,
        }),
    }
}

/// Refuses predictions without targets and targets without predictions.
pub(super) fn check_length(predictions: usize, targets: usize) -> Result<(), MetricError> {
    match predictions == targets {
        true => Ok(()),
        false => Err(MetricError::Length {
            predictions,
            targets,
        }),
    }
}

/// Refuses NaN in numbers of `width` a row.
pub(super) fn check_numbers(
    what: &'static str,
    numbers: &[f64],
    width: usize,
) -> Result<(), MetricError> {
    match numbers.iter().position(|x| x.is_nan()) {
        None => Ok(()),
        Some(at) => Err(MetricError::NotANumber {
            what,
            row: at / width.max(1),
        }),
    }
}
