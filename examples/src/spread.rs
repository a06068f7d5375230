use std::fmt;

use serde::Serialize;

/// Mean and standard deviation over the seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// NaN of no values.
    pub mean: f64,
    /// 0 of a single value.
    pub std: f64,
}

impl Spread {
    /// Of these values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            std: (squares / (count - 1.0).max(1.0)).sqrt(),
        }
    }

    /// Of shares, in percent.
    pub fn percent(values: &[f64]) -> Self {
        let percent: Vec<f64> = values.iter().map(|value| 100.0 * value).collect();
        Self::of(&percent)
    }
}

/// With the decimals that are asked for, or one.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        write!(f, "{:.decimals$} ± {:.decimals$}", self.mean, self.std)
    }
}
