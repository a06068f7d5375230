//! What a checkpoint's score is of, and which of two is better.

use serde::{Deserialize, Serialize};

/// Which score is the best one.
///
/// ```
/// use sam_runtime::run::checkpoint::Best;
///
/// assert!(Best::Lowest.is_better(0.5, 0.7));
/// assert!(!Best::Highest.is_better(f64::NAN, 0.7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// As of accuracies.
    Highest,
    /// As of losses.
    Lowest,
}

impl Best {
    /// Whether `new` is better than `old`. A NaN never is, and anything is better than one.
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match self {
            Self::Highest => new > old || (old.is_nan() && !new.is_nan()),
            Self::Lowest => new < old || (old.is_nan() && !new.is_nan()),
        }
    }
}

/// What a checkpoint's [`score`](super::Checkpoint::score) is of. With it, whoever opens the folder can find the best
/// checkpoint, and in it the model that was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// The name of the value, such as `accuracy`. Values of different names are not compared.
    pub on: String,
    /// Which of two is better.
    pub goal: Best,
    /// The name of the module whose score it is, such as `model`, or `ema` where that was the running mean of its weights.
    pub model: String,
}
