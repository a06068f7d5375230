use super::Chunks;
use crate::step::{Join, Observe, StepError};

/// What an observer reads of the slice, collected from the clean passes.
pub struct Seen<T>(Vec<T>);

impl<T> Seen<T> {
    /// Nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds what was seen of one chunk.
    pub fn see(&mut self, value: T) {
        self.0.push(value);
    }
}

/// What was seen of the chunks, joined.
pub fn join<T: Join<C, R>, C, R>(
    seen: Seen<T>,
    chunks: &Chunks<C, R>,
) -> Result<T::Joined, StepError> {
    let batch: usize = chunks.rows.iter().sum();
    let shares: Vec<f64> = chunks
        .rows
        .iter()
        .map(|&r| r as f64 / batch as f64)
        .collect();
    T::join(seen.0, &shares)
}

/// A value without its tape.
pub fn observe<T: Observe>(value: &T) -> T::Clean {
    value.observe()
}
