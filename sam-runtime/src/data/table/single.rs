//! Rows that come one by one, as whoever predicts has them.

use std::{collections::HashMap, sync::Arc};

use super::{Row, TableEncoder, TableProblem, encoder::Places, rows::Header};
use crate::data::DataError;

impl TableEncoder {
    /// The names of the columns that are inputs, in their order.
    pub fn columns(&self) -> Vec<&str> {
        self.inputs.iter().map(|input| input.name()).collect()
    }

    /// The input of one row, given as names of columns and their texts. Columns that are not given are missing; others are
    /// passed over.
    ///
    /// # Errors
    /// [`DataError::Table`], of a file called `row`: as [`inputs`](Self::inputs), and where the row would be left out.
    pub fn row<const F: usize>(
        &self,
        values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<[f32; F], DataError> {
        let row = self.row_of(values);
        self.sized(&row, self.kept(&row, &self.in_order())?)
    }

    /// The row with these texts in columns of these names.
    pub(crate) fn row_of(
        &self,
        values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Row {
        let values = values
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()));
        let given: HashMap<String, String> = values.collect();
        let text = |name: &&str| given.get(*name).map_or("", String::as_str);
        self.row_with(self.columns().iter().map(text))
    }

    /// The row with these texts, one for each column that is an input, in their order.
    ///
    /// # Errors
    /// [`DataError::Table`] unless there are as many.
    pub(crate) fn row_in_order(
        &self,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Row, DataError> {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let row = self.row_with(texts.iter().map(String::as_str));
        if texts.len() == self.inputs.len() {
            return Ok(row);
        }
        let problem = TableProblem::Values {
            given: texts.len(),
            columns: row.header.names.clone(),
        };
        Err(row.error(None, problem))
    }

    fn row_with<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Row {
        let columns = self.columns();
        Row {
            header: Arc::new(Header {
                path: "row".into(),
                names: columns.into_iter().map(str::to_owned).collect(),
                missing: self.missing.clone(),
            }),
            fields: Arc::new(texts.collect()),
            line: None,
        }
    }

    /// Where the inputs are in rows of one's own.
    fn in_order(&self) -> Vec<usize> {
        (0..self.inputs.len()).collect()
    }

    /// The numbers of a row that may not be left out.
    fn kept(&self, row: &Row, places: &[usize]) -> Result<Vec<f32>, DataError> {
        let numbers = self.numbers(row, places)?;
        numbers.ok_or_else(|| row.error(None, TableProblem::Dropped))
    }
}

/// The inputs of rows, one after the other.
pub(crate) struct RowReader<'a> {
    encoder: &'a TableEncoder,
    places: Option<Places>,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(encoder: &'a TableEncoder) -> Self {
        let places = None;
        Self { encoder, places }
    }

    /// The numbers of `row`, as many as the encoder is wide.
    ///
    /// # Errors
    /// As [`TableEncoder::inputs`], and where the row would be left out.
    pub(crate) fn read(&mut self, row: &Row) -> Result<Vec<f32>, DataError> {
        let places = self.encoder.places(row, false, &mut self.places)?;
        self.encoder.kept(row, &places.inputs)
    }
}
