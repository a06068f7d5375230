//! A table as a data set of samples.

use super::Row;
use crate::data::{DataError, Dataset, HasClass, Labelled, dataset::check_index};

/// The samples that a [`TableEncoder`](super::TableEncoder) made of the rows of a table, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded<I> {
    samples: Vec<I>,
    lines: Vec<Option<u64>>,
    dropped: Vec<Option<u64>>,
}

impl<I> Encoded<I> {
    pub(super) fn new() -> Self {
        Self {
            samples: Vec::new(),
            lines: Vec::new(),
            dropped: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: &Row, sample: I) {
        self.samples.push(sample);
        self.lines.push(row.line());
    }

    pub(super) fn drop_row(&mut self, row: &Row) {
        self.dropped.push(row.line());
    }

    pub(super) fn try_map_samples<J>(
        self,
        change: impl FnMut(I) -> Result<J, DataError>,
    ) -> Result<Encoded<J>, DataError> {
        Ok(Encoded {
            samples: self
                .samples
                .into_iter()
                .map(change)
                .collect::<Result<_, _>>()?,
            lines: self.lines,
            dropped: self.dropped,
        })
    }

    /// The samples.
    pub fn samples(&self) -> &[I] {
        &self.samples
    }

    /// The line of each sample's row in its file.
    pub fn lines(&self) -> &[Option<u64>] {
        &self.lines
    }

    /// The lines of the rows that were left out.
    pub fn dropped(&self) -> &[Option<u64>] {
        &self.dropped
    }
}

impl<I: Clone + Send + Sync> Dataset for Encoded<I> {
    type Item = I;

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<I, DataError> {
        check_index(index, self.samples.len())?;
        Ok(self.samples[index].clone())
    }
}

impl<I: HasClass + Clone + Send + Sync> Labelled for Encoded<I> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.samples.len())?;
        Ok(self.samples[index].class())
    }
}
