//! How long a value may go without getting better.

use serde::{Deserialize, Serialize};

use crate::run::{
    checkpoint::Best,
    number,
    numbers::{at_least_one, not_negative},
};

/// Counts for how many values in a row none was better than the best one.
///
/// ```
/// use sam_runtime::run::{checkpoint::Best, stop::Patience};
///
/// let mut patience = Patience::default();
/// for loss in [2.0, 1.0, 1.5, 1.2] {
///     patience.see(loss, Best::Lowest, 0.0);
/// }
/// assert_eq!((patience.best, patience.since), (Some(1.0), 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// The best value so far.
    #[serde(default, with = "number::optional")]
    pub best: Option<f64>,
    /// Values since then.
    pub since: u64,
}

impl Patience {
    /// Takes the next value; whether it is better than the best one by more than `min_delta`. A NaN is not.
    pub fn see(&mut self, value: f64, goal: Best, min_delta: f64) -> bool {
        let nearer = match goal {
            Best::Highest => value - min_delta,
            Best::Lowest => value + min_delta,
        };
        let better = match self.best {
            None => !value.is_nan(),
            Some(best) => goal.is_better(nearer, best),
        };
        if better {
            self.best = Some(value);
            self.since = 0;
        } else {
            self.since = self.since.saturating_add(1);
        }
        better
    }
}

/// Ends a run when a value has got no better for some time.
///
/// ```
/// use sam_runtime::run::stop::{EarlyStopping, Patience};
///
/// let rule: EarlyStopping = toml::from_str("on = 'accuracy'\ngoal = 'highest'\npatience = 2")?;
/// let mut state = Patience::default();
/// let ends = [0.5, 0.7, 0.6, 0.7].map(|accuracy| rule.see(&mut state, accuracy));
/// assert_eq!(ends, [false, false, false, true]);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// The value that is watched, such as `accuracy`.
    pub on: String,
    /// Whether it should rise or fall.
    pub goal: Best,
    /// Epochs without progress after which the run ends, at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub patience: u64,
    /// What counts as progress is better by more than this; 0 if left out.
    #[serde(default, deserialize_with = "not_negative")]
    pub min_delta: f64,
}

impl EarlyStopping {
    /// Takes the value of an epoch; whether the run should end.
    pub fn see(&self, state: &mut Patience, value: f64) -> bool {
        state.see(value, self.goal, self.min_delta);
        self.is_over(state)
    }

    /// Whether the run should end, by the values so far.
    pub fn is_over(&self, state: &Patience) -> bool {
        state.since >= self.patience.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_so_many_values_without_progress() {
        let rule = EarlyStopping {
            on: "accuracy".into(),
            goal: Best::Highest,
            patience: 3,
            min_delta: 0.01,
        };
        let mut state = Patience::default();
        let values = [0.5, 0.6, 0.605, 0.4, 0.62, 0.63, f64::NAN, 0.1];
        let ends = values.map(|value| rule.see(&mut state, value));
        assert_eq!(
            ends,
            [false, false, false, false, false, false, false, true]
        );
        assert_eq!(state.best, Some(0.62));
    }

    /// As a checkpoint has it: JSON has no infinity.
    #[test]
    fn an_infinite_best_comes_back() {
        for best in [
            Some(f64::NEG_INFINITY),
            Some(f64::INFINITY),
            Some(0.5),
            None,
        ] {
            let state = Patience { best, since: 1 };
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<Patience>(&json).unwrap(), state);
        }
        let old = serde_json::from_str::<Patience>(r#"{"best": null, "since": 3}"#);
        assert_eq!(old.unwrap().best, None);
    }

    #[test]
    fn losses_fall_and_a_nan_is_never_the_best() {
        let mut state = Patience::default();
        let better = [f64::NAN, 2.0, f64::INFINITY, 1.0, f64::NAN, 1.0, 0.5]
            .map(|loss| state.see(loss, Best::Lowest, 0.0));
        assert_eq!(better, [false, true, false, true, false, false, true]);
    }
}
