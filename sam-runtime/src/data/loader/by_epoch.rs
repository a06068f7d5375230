//! A loader is no iterator, and what the compiler says to a loop over one: it names the functions that make iterators.
//!
//! `Iterator` is implemented under a condition that nothing meets, for then it is the condition that the error is about.

use crate::data::DataLoader;

/// Implemented for nothing.
#[diagnostic::on_unimplemented(
    message = "a loader has no batches of its own, only those of an epoch",
    label = "of which epoch?",
    note = "write `loader.epoch(&dev, epoch)` to train, and `loader.chunks(&dev, 500)` to evaluate",
    note = "see `errors/loader-without-epoch` in sam-train's guide"
)]
pub trait HasBatches {
    /// What a batch would be.
    type Batch;
}

#[doc(hidden)]
impl<Ds: HasBatches, const B: usize, T> Iterator for DataLoader<Ds, B, T> {
    type Item = Ds::Batch;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}

#[doc(hidden)]
impl<Ds: HasBatches, const B: usize, T> Iterator for &DataLoader<Ds, B, T> {
    type Item = Ds::Batch;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
