use super::Chunks;
use crate::step::{Join, Observe, StepError};

/// What the loop reads of the slice, collected from the clean passes of the chunks.
pub struct Observed<T>(Vec<T>);

impl<T> Observed<T> {
    /// Nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds the value of one chunk.
    pub fn add(&mut self, value: T) {
        self.0.push(value);
    }
}

/// The values of the chunks, joined into one.
pub fn join<T: Join<C, R>, C, R>(
    observed: Observed<T>,
    chunks: &Chunks<C, R>,
) -> Result<T::Joined, StepError> {
    let batch: usize = chunks.rows.iter().sum();
    let shares: Vec<f64> = chunks
        .rows
        .iter()
        .map(|&r| r as f64 / batch as f64)
        .collect();
    T::join(observed.0, &shares)
}

/// The value of the one chunk that there is.
pub fn join_one<T, C, R>(observed: Observed<T>, _: &Chunks<C, R>) -> Result<T, StepError> {
    observed.0.into_iter().next().ok_or(StepError::Empty)
}

/// A value without its tape. `C` is a parameter so that a `T` that is no `Observe` is one error, and not one more for what
/// is returned.
pub fn observe<T: Observe<Clean = C>, C>(value: &T) -> C {
    value.observe()
}
