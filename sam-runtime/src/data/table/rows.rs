//! The rows of a table, as texts.

use std::{path::PathBuf, sync::Arc};

use super::TableProblem;
use crate::data::{DataError, Dataset, dataset::check_index};

/// What the rows of a table have in common.
#[derive(Debug)]
pub(super) struct Header {
    /// The file, or what is said in its place.
    pub(super) path: PathBuf,
    pub(super) names: Vec<String>,
    /// Texts that stand for no value.
    pub(super) missing: Vec<String>,
}

impl Header {
    pub(super) fn error(
        &self,
        line: Option<u64>,
        column: Option<&str>,
        problem: TableProblem,
    ) -> DataError {
        DataError::Table {
            path: self.path.clone(),
            line,
            column: column.map(str::to_owned),
            problem,
        }
    }

    /// Where a column is.
    pub(super) fn position(&self, name: &str) -> Result<usize, DataError> {
        let found = self.names.iter().position(|there| there == name);
        found.ok_or_else(|| {
            let there = self.names.clone();
            self.error(None, Some(name), TableProblem::NoColumn { there })
        })
    }
}

/// A table with named columns, in memory: a data set of [`Row`]s.
///
/// Texts are kept without spaces around them. Whether a column holds numbers or categories is said by
/// [`Columns`](super::Columns).
///
/// ```
/// use sam_runtime::data::{Dataset, table::Table};
///
/// let table = Table::parse("age,city\n31,Oslo\n,Bergen\n")?;
/// assert_eq!(table.names(), ["age", "city"]);
/// assert_eq!(table.column("age")?, [Some("31"), None]);
/// assert_eq!(table.get(1)?.value("city")?, Some("Bergen"));
/// let (_first, _second) = table.split(0.5, 0)?;
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) header: Arc<Header>,
    pub(super) rows: Arc<[Row]>,
}

impl Table {
    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.header.names
    }

    /// The values of a column, row by row; `None` where there is none. To group or stratify a split by, for example.
    ///
    /// ```
    /// use sam_runtime::data::{Dataset, table::Table};
    ///
    /// let table = Table::parse("patient,pulse\na,71\na,75\nb,66\nc,80\n")?;
    /// let patients = table.column("patient")?;
    /// let (train, test) = (&table).split_grouped(0.5, 0, |index| patients[index])?;
    /// assert_eq!(train.len() + test.len(), 4);
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Table`] if there is no such column.
    pub fn column(&self, name: &str) -> Result<Vec<Option<&str>>, DataError> {
        let at = self.header.position(name)?;
        Ok(self.rows.iter().map(|row| row.at(at)).collect())
    }
}

impl Dataset for Table {
    type Item = Row;

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, index: usize) -> Result<Row, DataError> {
        check_index(index, self.rows.len())?;
        Ok(self.rows[index].clone())
    }
}

/// One row of a [`Table`].
#[derive(Clone, Debug)]
pub struct Row {
    pub(super) header: Arc<Header>,
    pub(super) fields: Arc<csv::StringRecord>,
    pub(super) line: Option<u64>,
}

impl Row {
    /// The line of the file that it begins on, from 1; `None` of a row that was not read from one.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The value in a column, without spaces around it; `None` where there is none.
    ///
    /// # Errors
    /// [`DataError::Table`] if there is no such column.
    pub fn value(&self, name: &str) -> Result<Option<&str>, DataError> {
        Ok(self.at(self.header.position(name)?))
    }

    pub(super) fn at(&self, column: usize) -> Option<&str> {
        let text = self.fields.get(column)?.trim();
        let is_missing = text.is_empty() || self.header.missing.iter().any(|no| no == text);
        (!is_missing).then_some(text)
    }

    pub(super) fn error(&self, column: Option<&str>, problem: TableProblem) -> DataError {
        self.header.error(self.line, column, problem)
    }
}
