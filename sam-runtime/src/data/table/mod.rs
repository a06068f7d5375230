//! Tables: CSV files of numbers and categories, one sample in each row.
//!
//! A [`Table`] is a data set of [`Row`]s, so it is split as any other. [`Columns`] say what is read of it; fitted to the rows
//! that are trained on, they are a [`TableEncoder`], which makes numbers of these rows, of others, and of single ones, and
//! can be saved beside the model.
//!
//! | file | what it holds |
//! |---|---|
//! | `read` | [`Csv`]: how a file is read |
//! | `rows` | [`Table`], [`Row`] |
//! | `columns` | [`Columns`], [`Number`], [`Category`], and what becomes of values that are missing or unknown |
//! | `fit` | from columns and rows to an encoder |
//! | `fitted` | columns with what was learned of them |
//! | `encoder` | [`TableEncoder`]: from rows to samples |
//! | `single` | rows one by one |
//! | `encoded` | [`Encoded`]: a table as a data set of samples |
//! | `problem` | [`TableProblem`] |

mod columns;
mod encoded;
mod encoder;
mod fit;
mod fitted;
mod problem;
mod read;
mod rows;
mod single;

pub use columns::{Category, Columns, MissingCategory, MissingNumber, Number, Scale, Unknown};
pub use encoded::Encoded;
pub use encoder::TableEncoder;
pub use problem::TableProblem;
pub(super) use problem::place;
pub use read::Csv;
pub use rows::{Row, Table};
pub(crate) use single::RowReader;
