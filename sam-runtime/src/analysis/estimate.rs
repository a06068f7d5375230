use serde::{Deserialize, Serialize};

/// A mean over drawn values, and how far off it may be.
///
/// ```
/// use sam_runtime::analysis::Estimate;
///
/// let found = Estimate::of([1.0, 2.0, 3.0]);
/// assert_eq!(found.mean, 2.0);
/// assert!((found.standard_error - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean; NaN of no values.
    pub mean: f64,
    /// The standard deviation of the mean; NaN of fewer than two values.
    pub standard_error: f64,
    /// How many values there were.
    pub count: usize,
}

impl Estimate {
    /// Of these values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = match values.len() {
            0 | 1 => f64::NAN,
            _ => squares / (count - 1.0),
        };
        Self {
            mean,
            standard_error: (variance / count).sqrt(),
            count: values.len(),
        }
    }
}
