//! Values at random.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::Serialize;
use toml::Value;

use crate::run::{ConfigError, built::to_value};

/// Where values of a key are drawn from, for [`Sweep::draw`](super::Sweep::draw).
#[derive(Clone, Debug, PartialEq)]
pub struct Draw(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Uniform(f64, f64),
    Log(f64, f64),
    Whole(i64, i64),
    Choice(Vec<Value>),
    /// What can't be drawn from, and why.
    Wrong(String),
}

impl Draw {
    /// Numbers from `low` to `high`, each as likely as any other, rounded to four digits.
    pub fn uniform(low: f64, high: f64) -> Self {
        let is_range = low.is_finite() && high.is_finite() && low <= high;
        Self(match is_range && (high - low).is_finite() {
            true => Form::Uniform(low, high),
            false => Form::Wrong(format!(
                "is drawn from {low} to {high}; give two finite numbers, the lower one first"
            )),
        })
    }

    /// Numbers from `low` to `high`, above 0, whose logarithms are as likely as any other: for learning rates, radii, weight decays.
    /// Rounded to four digits.
    pub fn log_uniform(low: f64, high: f64) -> Self {
        Self(match low > 0.0 && high.is_finite() && low <= high {
            true => Form::Log(low, high),
            false => Form::Wrong(format!(
                "is drawn by its logarithm from {low} to {high}; give two finite numbers above 0, the lower one first"
            )),
        })
    }

    /// Whole numbers from `low` to `high`, both included.
    pub fn whole(low: i64, high: i64) -> Self {
        Self(match low <= high {
            true => Form::Whole(low, high),
            false => Form::Wrong(format!(
                "is drawn from {low} to {high}; give the lower one first"
            )),
        })
    }

    /// One of these values.
    pub fn choice<V: Serialize>(values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(|value| to_value(&value));
        Self(match values.collect::<Result<Vec<_>, ConfigError>>() {
            Ok(values) if values.is_empty() => Form::Wrong("has no value to choose from".into()),
            Ok(values) => Form::Choice(values),
            Err(error) => Form::Wrong(error.to_string()),
        })
    }

    /// The value of a key in the draw of this number.
    ///
    /// # Errors
    /// What is wrong with the draw.
    pub(super) fn at(&self, seed: u64, key: &str, number: usize) -> Result<Value, String> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(crc32fast::hash(key.as_bytes())));
        // Two words for each.
        rng.set_word_pos(2 * number as u128);
        let random = rng.next_u64();
        let unit = (random >> 11) as f64 / (1_u64 << 53) as f64;
        Ok(match &self.0 {
            Form::Uniform(low, high) => rounded(low + unit * (high - low), *low, *high),
            Form::Log(low, high) => {
                let exponent = low.ln() + unit * (high.ln() - low.ln());
                rounded(exponent.exp(), *low, *high)
            }
            Form::Whole(low, high) => {
                let count = i128::from(*high) - i128::from(*low) + 1;
                let whole = i128::from(*low) + ((i128::from(random) * count) >> 64);
                Value::Integer(i64::try_from(whole).unwrap_or(*high))
            }
            Form::Choice(values) => {
                let index = (u128::from(random) * values.len() as u128) >> 64;
                values[index as usize].clone()
            }
            Form::Wrong(problem) => return Err(problem.clone()),
        })
    }
}

/// A number of four digits, within its range.
fn rounded(number: f64, low: f64, high: f64) -> Value {
    let short: f64 = format!("{number:.3e}").parse().unwrap_or(number);
    Value::Float(short.clamp(low, high))
}
