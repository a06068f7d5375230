//! Predictions of rows of tables.

use std::path::Path;

use dfdx::{
    nn::{BuildOnDevice, Module},
    prelude::Device,
    shapes::{Const, Rank1},
    tensor::Tensor,
};

use super::{
    Input, Outputs, PredictError, Prediction, Predictor, Preprocessing, predictor::in_batches,
};
use crate::data::{
    Dataset,
    table::{Row, RowReader, TableEncoder},
};

/// With the feature `table`.
impl<Net, D, const F: usize> Predictor<Net, Rank1<F>, D>
where
    D: Device<f32>,
    Net: BuildOnDevice<D, f32>,
    Net::Built: Module<Tensor<(usize, Const<F>), f32, D>, Output: Outputs>,
{
    /// The prediction of one row, given as names of columns and their texts. Columns that are not given are missing; others are
    /// passed over.
    ///
    /// # Errors
    /// [`PredictError::Data`] for texts that the encoder can't read, and for a row that it would leave out;
    /// [`PredictError::NotFinite`], [`PredictError::Device`].
    pub fn row(
        &self,
        values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Prediction, PredictError> {
        let encoder = self.encoder()?;
        self.of_row(encoder, &encoder.row_of(values))
    }

    /// The same, given as texts alone: one for each column that is an input, in the order of
    /// [`TableEncoder::columns`].
    ///
    /// # Errors
    /// As [`row`](Self::row), and unless there are as many.
    pub fn fields(
        &self,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Prediction, PredictError> {
        let encoder = self.encoder()?;
        self.of_row(encoder, &encoder.row_in_order(texts)?)
    }

    /// A prediction for each row of a table, in their order; its columns may be in any, and its targets are not read. The network gets
    /// [a batch](Self::batch) of them at once. A row that can't be read, or would be left out, is an error in its place, and the others
    /// go on.
    pub fn rows<T: Dataset<Item = Row>>(
        &self,
        table: &T,
    ) -> impl Iterator<Item = Result<Prediction, PredictError>> {
        let mut reader = None;
        in_batches(0..table.len(), self.batch, move |indices| {
            let reader = match self.encoder() {
                Ok(encoder) => reader.get_or_insert_with(|| RowReader::new(encoder)),
                Err(error) => return vec![Err(error)],
            };
            let rows = indices.into_iter();
            let read = rows.map(|index| reader.read(&table.get(index)?));
            self.all(read.collect())
        })
    }

    fn of_row(&self, encoder: &TableEncoder, row: &Row) -> Result<Prediction, PredictError> {
        self.one(RowReader::new(encoder).read(row)?)
    }

    /// What is done to a row; `open` and `new` have seen that there is something.
    fn encoder(&self) -> Result<&TableEncoder, PredictError> {
        match &self.description().preprocessing {
            Preprocessing::Rows(encoder) => Ok(encoder),
            other => {
                let wanted = <Rank1<F> as Input<Net::Built, D>>::check(other);
                let wanted = wanted.err().unwrap_or_default();
                Err(other.refused(Path::new("description"), wanted))
            }
        }
    }
}
