//! How far runs lie apart.

/// What the band around a mean of several runs shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spread {
    /// One standard deviation to each side, that of a sample (n − 1).
    #[default]
    StandardDeviation,
    /// From the lowest run to the highest.
    Range,
}

impl Spread {
    /// The mean, and the ends of the band; all the same of one value.
    pub(super) fn of(self, values: &[f64]) -> (f64, f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        if values.len() < 2 {
            return (mean, mean, mean);
        }
        match self {
            Self::Range => {
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (mean, low, high)
            }
            Self::StandardDeviation => {
                let squares = values.iter().map(|value| (value - mean).powi(2));
                let deviation = (squares.sum::<f64>() / (count - 1.0)).sqrt();
                (mean, mean - deviation, mean + deviation)
            }
        }
    }
}
