//! What a sweep has found.

use std::fmt;

/// The curve of a sweep, and what it suggests. As text, the suggestion with its reason, and the curve as a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sweep {
    /// What was swept: `learning rate` or `rho`.
    pub name: &'static str,
    /// Its values, in the order in which they were tried, as far as the loss was finite.
    pub values: Vec<f64>,
    /// The loss at each.
    pub losses: Vec<f64>,
    /// The losses with the noise of the batches averaged out; the same as `losses` where nothing is to be averaged.
    pub smoothed: Vec<f64>,
    /// The values at which the loss was not finite, or had risen so far that the sweep ended.
    pub diverged: Vec<f64>,
    /// The value to begin with, if the curve tells one.
    pub suggestion: Option<f64>,
    /// Why this one, or why there is none, and what to do.
    pub reason: String,
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suggestion {
            Some(value) => writeln!(f, "{} {}: {}", self.name, shown(value), self.reason)?,
            None => writeln!(f, "no suggestion for the {}: {}", self.name, self.reason)?,
        }
        for (value, loss) in self.values.iter().zip(&self.smoothed) {
            writeln!(f, "{:>10}  {loss:.5}", shown(*value))?;
        }
        for value in &self.diverged {
            writeln!(f, "{:>10}  diverged", shown(*value))?;
        }
        Ok(())
    }
}

/// Three digits.
pub(super) fn shown(x: f64) -> String {
    match x.abs() {
        size if size == 0.0 || !(1e-3..1e4).contains(&size) => format!("{x:.2e}"),
        size => {
            let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{x:.decimals$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    }
    .replace("0.00e0", "0")
}
