//! What can be wrong with a table, in words that say what to do about it.

use std::io;

/// What is wrong with a table, one of its columns or one of its values. [`DataError::Table`](crate::data::DataError::Table) says where.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// The file can't be read.
    #[error("can't read it ({0}); check that the path is right and the file readable")]
    Read(io::Error),
    /// The bytes are no text.
    #[error("it is no text in UTF-8; save it as CSV in UTF-8")]
    Encoding,
    /// The reader of CSV refuses the file.
    #[error("it can't be read as CSV ({0})")]
    Csv(String),
    /// There is no line at all.
    #[error("it is empty; a table begins with a line of column names (or see `Csv::names`)")]
    Empty,
    /// Two columns have the same name.
    #[error(
        "columns {first} and {second} have the same name; rename one of them, or give all names with `Csv::names`"
    )]
    DuplicateName {
        /// The first of them, from 1.
        first: usize,
        /// The second, from 1.
        second: usize,
    },
    /// A row has another number of fields than the first line.
    #[error(
        "{found} fields where there are {expected} columns; is there a separator too many or too few, or a quote that is missing?"
    )]
    Ragged {
        /// Columns.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// A quote is opened and not closed.
    #[error(
        "a quote is opened here, or after here, and never closed; close it, or see `Csv::quote`"
    )]
    OpenQuote,
    /// There is no such column.
    #[error("there is no such column; the columns are {}", list(.there))]
    NoColumn {
        /// The columns that there are.
        there: Vec<String>,
    },
    /// A value is missing where none may be.
    #[error("there is no value; say what should become of such rows with `missing`, or fill it in")]
    Missing,
    /// A number can't be read.
    #[error(
        "`{value}` is no finite number; repair it, read the column as a category, or name such values with `Csv::missing`"
    )]
    NotANumber {
        /// The text.
        value: String,
    },
    /// A number, scaled, is more than an `f32` can be.
    #[error(
        "`{value}` is too large for a number of 32 bits; scale the column, or repair the value"
    )]
    TooLarge {
        /// The number.
        value: f64,
    },
    /// A category that was not there when the columns were fitted.
    #[error(
        "`{value}` was not among the {known} categories that were fitted; fit on rows that have it, or see `Unknown`"
    )]
    UnknownCategory {
        /// The text.
        value: String,
        /// How many categories are known.
        known: usize,
    },
    /// A class that was not there when the columns were fitted.
    #[error("`{value}` is none of the classes that were fitted, {}", list(.classes))]
    UnknownClass {
        /// The text.
        value: String,
        /// The classes.
        classes: Vec<String>,
    },
    /// No row has a value in a column that is to be learned from.
    #[error("no row has a value there, so nothing can be learned of it; leave the column out")]
    NoValues,
    /// Numbers so large that their mean or spread is not a number.
    #[error(
        "the numbers are too large for a mean and a deviation; use `Scale::None`, or other units"
    )]
    NoStatistics,
    /// A column is named twice.
    #[error("the column is named twice; name each input and target once")]
    NamedTwice,
    /// There is no input.
    #[error("no column is an input; name some with `number` or `category`")]
    NoInputs,
    /// The type of the samples has another width.
    #[error(
        "the columns make {made} numbers for each row, but the type says {asked}: {}",
        list(.names)
    )]
    Width {
        /// Numbers that the columns make.
        made: usize,
        /// Numbers of the type.
        asked: usize,
        /// What the numbers are.
        names: Vec<String>,
    },
    /// The type of the targets has another number of them.
    #[error(
        "there are {made} numbers as targets, but the type says {asked}; name as many with `target`"
    )]
    Targets {
        /// Targets that were named.
        made: usize,
        /// Targets of the type.
        asked: usize,
    },
    /// The type of the samples has fewer classes, or more.
    #[error("there are {made} classes, but the type says {asked}: {}", list(.classes))]
    Classes {
        /// Classes that were fitted.
        made: usize,
        /// Classes of the type.
        asked: usize,
        /// Their names.
        classes: Vec<String>,
    },
    /// The target is of another kind.
    #[error("the encoder has no {wanted}; name one with `{with}` before it is fitted")]
    NoTarget {
        /// What was asked for.
        wanted: &'static str,
        /// The function that names it.
        with: &'static str,
    },
    /// All rows were dropped.
    #[error("each of the {rows} row(s) lacks a value that is needed, so none is left")]
    AllDropped {
        /// How many there were.
        rows: usize,
    },
    /// A single row lacks a value that is needed.
    #[error(
        "it lacks a value without which the encoder leaves a row out, or has a category that it does not know; fill it in"
    )]
    Dropped,
    /// A single row has another number of values than there are columns.
    #[error("{given} values were given for the columns {}; give one for each, in this order", list(.columns))]
    Values {
        /// Values given.
        given: usize,
        /// The names of the columns.
        columns: Vec<String>,
    },
    /// A file or text that is no encoder.
    #[error("it is no encoder of a table ({0}); save one with `TableEncoder::save`")]
    NoEncoder(String),
    /// A file can't be written.
    #[error("can't write it ({0})")]
    Write(io::Error),
}

crate::debug::debug_as_display!(TableProblem);

/// Some names as a sentence has them; of many, the first ones.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(SHOWN);
    match (shown.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Where something is wrong: the file, and what is known of line and column.
pub(in crate::data) fn place(
    path: &std::path::Path,
    line: Option<u64>,
    column: Option<&str>,
) -> String {
    let mut place = path.display().to_string();
    if let Some(line) = line {
        place += &format!(", line {line}");
    }
    if let Some(column) = column {
        place += &format!(", column `{column}`");
    }
    place
}
