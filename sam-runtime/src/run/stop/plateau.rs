//! A learning rate that falls when progress stops.

use serde::{Deserialize, Serialize};

use super::Patience;
use crate::run::{
    checkpoint::Best,
    numbers::{factor, not_negative, share},
};

/// Lowers the learning rate when a value has got no better for some time: PyTorch's
/// `ReduceLROnPlateau`, as a factor on whatever the schedule says. Any progress counts if nothing else is
/// said; PyTorch's default is [`threshold`](Self::threshold) = 1e-4.
///
/// ```
/// use sam_runtime::run::stop::{Plateau, PlateauState};
///
/// let rule: Plateau = toml::from_str("on = 'loss'\ngoal = 'lowest'\npatience = 1\nfactor = 0.5")?;
/// let mut state = PlateauState::default();
/// let falls = [3.0, 2.0, 2.0, 2.0].map(|loss| rule.see(&mut state, loss));
/// assert_eq!(falls, [false, false, false, true]);
/// assert_eq!(state.factor, 0.5);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// The value that is watched, such as `loss`.
    pub on: String,
    /// Whether it should rise or fall.
    pub goal: Best,
    /// What the learning rate is multiplied by, above 0 and below 1; 0.1 if left out.
    #[serde(default = "tenth", deserialize_with = "factor")]
    pub factor: f64,
    /// Epochs without progress that are borne; the one after them lowers the learning rate. 10 if left out.
    #[serde(default = "ten")]
    pub patience: u64,
    /// Epochs after that in which nothing is counted; 0 if left out.
    #[serde(default)]
    pub cooldown: u64,
    /// What counts as progress is better by more than this; 0 if left out.
    #[serde(default, deserialize_with = "not_negative")]
    pub min_delta: f64,
    /// What counts as progress is better by more than this share of the best value, too: PyTorch's `threshold`
    /// in its mode `rel`; 0 if left out.
    // Written where it is used: configurations of earlier versions lack it.
    #[serde(
        default,
        deserialize_with = "not_negative",
        skip_serializing_if = "is_zero"
    )]
    pub threshold: f64,
    /// The product of all factors does not fall below this, from 0 to 1; 0 if left out.
    #[serde(default, deserialize_with = "share")]
    pub min_factor: f64,
}

fn tenth() -> f64 {
    0.1
}

fn ten() -> u64 {
    10
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// What a [`Plateau`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateauState {
    patience: Patience,
    cooldown: u64,
    /// The product of all factors so far.
    pub factor: f64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            cooldown: 0,
            factor: 1.0,
        }
    }
}

impl PlateauState {
    /// Begins anew with what is watched; the learning rate stays as low as it is.
    pub(in crate::run) fn forget(&mut self) {
        self.patience = Patience::default();
    }
}

impl Plateau {
    /// Takes the value of an epoch; whether the learning rate falls now.
    pub fn see(&self, state: &mut PlateauState, value: f64) -> bool {
        let share = state
            .patience
            .best
            .map_or(0.0, |best| self.threshold * best);
        let min_delta = self.min_delta + share;
        state.patience.see(value, self.goal, min_delta);
        if state.cooldown > 0 {
            state.cooldown -= 1;
            state.patience.since = 0;
        }
        if state.patience.since <= self.patience {
            return false;
        }
        state.cooldown = self.cooldown;
        state.patience.since = 0;
        let factor = (state.factor * self.factor).max(self.min_factor);
        let falls = factor < state.factor;
        state.factor = factor;
        falls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors after each value; PyTorch 2.15's `ReduceLROnPlateau` gives the same with `threshold=0`.
    fn factors(rule: &Plateau, values: &[f64]) -> Vec<f64> {
        let mut state = PlateauState::default();
        let factors = values.iter().map(|value| {
            rule.see(&mut state, *value);
            state.factor
        });
        factors.collect()
    }

    fn rule() -> Plateau {
        Plateau {
            on: "loss".into(),
            goal: Best::Lowest,
            factor: 0.5,
            patience: 1,
            cooldown: 0,
            min_delta: 0.0,
            threshold: 0.0,
            min_factor: 0.0,
        }
    }

    /// PyTorch's `ReduceLROnPlateau.step`, line by line, with its default threshold.
    fn pytorch(rule: &Plateau, values: &[f64]) -> Vec<f64> {
        let lowest = rule.goal == Best::Lowest;
        let mut best = if lowest {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        };
        let (mut bad_epochs, mut cooldown, mut lr) = (0, 0, 1.0);
        let steps = values.iter().map(|&value| {
            let is_better = match lowest {
                true => value < best * (1.0 - 1e-4),
                false => value > best * (1.0 + 1e-4),
            };
            if is_better {
                best = value;
                bad_epochs = 0;
            } else {
                bad_epochs += 1;
            }
            if cooldown > 0 {
                cooldown -= 1;
                bad_epochs = 0;
            }
            if bad_epochs > rule.patience {
                lr *= rule.factor;
                cooldown = rule.cooldown;
                bad_epochs = 0;
            }
            lr
        });
        steps.collect()
    }

    #[test]
    fn with_pytorch_s_threshold_it_falls_when_pytorch_s_does() {
        let mut differ = 0;
        for run in 0..300_u64 {
            // A curve that gets flat, where steps of 1e-4 and less decide.
            let noise = |i: u64| ((i * 7919 + run * 104_729) % 2003) as f64 / 2003.0;
            let loss = |i: u64| 1.0 + 0.5 * (-(i as f64) / 5.0).exp() + 3e-4 * noise(i);
            let losses: Vec<f64> = (0..40).map(loss).collect();
            let goal = [Best::Lowest, Best::Highest][run as usize % 2];
            let values: Vec<f64> = match goal {
                Best::Lowest => losses,
                Best::Highest => losses.iter().map(|loss| 2.0 - loss).collect(),
            };
            let own = Plateau {
                goal,
                patience: run % 4,
                cooldown: run % 3,
                ..rule()
            };
            let same = Plateau {
                threshold: 1e-4,
                ..own.clone()
            };
            assert_eq!(factors(&same, &values), pytorch(&same, &values), "{run}");
            differ += u32::from(factors(&own, &values) != pytorch(&own, &values));
        }
        assert!(differ > 0, "the threshold decides nothing");
    }

    #[test]
    fn the_rate_falls_after_the_patience_is_over() {
        let losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0];
        let expected = [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25];
        assert_eq!(factors(&rule(), &losses), expected);
    }

    #[test]
    fn after_a_fall_it_cools_down() {
        let rule = Plateau {
            cooldown: 2,
            ..rule()
        };
        let expected = [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25];
        assert_eq!(factors(&rule, &[1.0; 8]), expected);
    }

    #[test]
    fn it_does_not_fall_below_its_bound() {
        let rule = Plateau {
            patience: 0,
            min_factor: 0.2,
            ..rule()
        };
        assert_eq!(factors(&rule, &[1.0; 5]), [1.0, 0.5, 0.25, 0.2, 0.2]);
    }
}
