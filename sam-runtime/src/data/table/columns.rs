//! What is read of a table: which columns are numbers, which are categories, and what becomes of gaps.

use serde::{Deserialize, Serialize};

/// How the numbers of a column are scaled, by what the training rows have. Values that are missing count for nothing in that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// To a mean of 0 and a standard deviation of 1, as scikit-learn's `StandardScaler`: the deviation is that of the
    /// population, and a constant column is only moved to 0.
    #[default]
    Standard,
    /// To 0 to 1, as `MinMaxScaler`; other rows may lie outside.
    MinMax,
    /// Not at all.
    None,
}

/// What becomes of a row without a number in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingNumber {
    /// An error, which names line and column.
    #[default]
    Error,
    /// The row is left out.
    Drop,
    /// It is as if this number stood there.
    Value(f64),
    /// It is as if the mean of the training rows stood there.
    Mean,
    /// As [`Mean`](Self::Mean), with one more number for each row: 1 where the value is missing, else 0.
    Indicator,
}

/// What becomes of a row without a category in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingCategory {
    /// An error, which names line and column.
    #[default]
    Error,
    /// The row is left out.
    Drop,
    /// It is as if this category stood there, one that may be in the column or not.
    Value(String),
    /// It is as if the most frequent category of the training rows stood there; of several, the first in their order.
    MostFrequent,
    /// It is a category of its own, after the others.
    Indicator,
}

/// What becomes of a row with a category that the training rows don't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// An error, which names line, column and category.
    #[default]
    Error,
    /// The row is left out.
    Drop,
    /// It has none of the categories: all zeros, as scikit-learn's `handle_unknown="ignore"` does.
    Zeros,
    /// It is as if the most frequent category of the training rows stood there.
    MostFrequent,
    /// It is as if the value were missing.
    Missing,
}

/// A column of numbers: one number of the input (and one more with [`MissingNumber::Indicator`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    pub(super) name: String,
    pub(super) scale: Scale,
    pub(super) missing: MissingNumber,
}

impl Number {
    /// The column of this name, scaled to a mean of 0 and a deviation of 1, without gaps.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scale: Scale::Standard,
            missing: MissingNumber::Error,
        }
    }

    /// Another scale.
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// What becomes of rows without a number.
    pub fn missing(self, missing: MissingNumber) -> Self {
        Self { missing, ..self }
    }
}

/// A column of categories: as many numbers of the input, one of which is 1, as scikit-learn's `OneHotEncoder` has them.
///
/// Their order is that of the texts; where all are numbers, that of the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    pub(super) name: String,
    pub(super) missing: MissingCategory,
    pub(super) unknown: Unknown,
}

impl Category {
    /// The column of this name, without gaps, and without categories that the training rows don't have.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            missing: MissingCategory::Error,
            unknown: Unknown::Error,
        }
    }

    /// What becomes of rows without a category.
    pub fn missing(self, missing: MissingCategory) -> Self {
        Self { missing, ..self }
    }

    /// What becomes of rows with another category.
    pub fn unknown(self, unknown: Unknown) -> Self {
        Self { unknown, ..self }
    }
}

impl From<&str> for Number {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<&str> for Category {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// Which columns of a table are inputs, and which are targets. [`fit`](Self::fit)ted to the rows that are trained on, they
/// are a [`TableEncoder`](super::TableEncoder).
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{DataLoader, Dataset, table::{Category, Columns, MissingNumber, Number, Table, Unknown}};
///
/// let table = Table::parse("\
/// area,district,price
/// 50,north,200
/// 80,south,250
/// ,south,240
/// 65,north,230
/// ")?;
/// let (train, test) = table.split(0.75, 1)?;
/// let encoder = Columns::new()
///     .number(Number::new("area").missing(MissingNumber::Mean))
///     .category(Category::new("district").unknown(Unknown::Zeros))
///     .target(Number::new("price"))
///     .fit(&train)?;
/// let (train, test) = (encoder.regression::<3, 1>(&train)?, encoder.regression::<3, 1>(&test)?);
/// for (x, y) in DataLoader::<_, 3>::new(train)?.epoch(&Cpu::default(), 0) {
///     let _x: Tensor<Rank2<3, 3>, f32, Cpu> = x; // area, district=north, district=south
///     let _y: Tensor<Rank2<3, 1>, f32, Cpu> = y;
/// }
/// assert_eq!(test.len(), 1);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    pub(super) inputs: Vec<Input>,
    pub(super) target: Target,
    pub(super) drops_without_target: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    Number(Number),
    Category(Category),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Target {
    #[default]
    None,
    Numbers(Vec<Number>),
    Class(String),
}

impl Columns {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more column of numbers as an input; a name alone is [`Number::new`] of it.
    pub fn number(mut self, column: impl Into<Number>) -> Self {
        self.inputs.push(Input::Number(column.into()));
        self
    }

    /// Several columns of numbers, scaled to a mean of 0 and a deviation of 1, without gaps.
    pub fn numbers<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let columns = names
            .into_iter()
            .map(|name| Input::Number(Number::new(name)));
        self.inputs.extend(columns);
        self
    }

    /// One more column of categories as an input; a name alone is [`Category::new`] of it.
    pub fn category(mut self, column: impl Into<Category>) -> Self {
        self.inputs.push(Input::Category(column.into()));
        self
    }

    /// Several columns of categories, without gaps.
    pub fn categories<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let columns = names
            .into_iter()
            .map(|name| Input::Category(Category::new(name)));
        self.inputs.extend(columns);
        self
    }

    /// One more number as a target, scaled as the column says; [`TableEncoder::unscaled`](super::TableEncoder::unscaled) turns a network's numbers
    /// back. Replaces a class.
    pub fn target(mut self, column: impl Into<Number>) -> Self {
        match &mut self.target {
            Target::Numbers(numbers) => numbers.push(column.into()),
            other => *other = Target::Numbers(vec![column.into()]),
        }
        self
    }

    /// The column of the class. Classes are numbered in the order of [`Category`], by the training rows;
    /// [`TableEncoder::classes`](super::TableEncoder::classes) has their names. Replaces other targets.
    pub fn class(self, name: impl Into<String>) -> Self {
        let target = Target::Class(name.into());
        Self { target, ..self }
    }

    /// Leaves out rows without a class, or without one of the targets: an error otherwise, unless a [`Number`] says what a gap is.
    pub fn drop_without_target(self) -> Self {
        Self {
            drops_without_target: true,
            ..self
        }
    }
}
