//! A loader borrows its data set.
//!
//! Mended: a loader owns what it reads, for its workers may outlive the function. Give it a clone, or an `Arc` of the data set.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

fn batches(digits: &Images<Rank1<784>, 10>) -> Result<usize, DataError> {
    let loader = DataLoader::<_, 32>::new(digits)?;
    Ok(loader.epoch(&Cpu::default(), 0).count())
}

fn main() {}
