//! Columns with what was learned of them, and the numbers that they make of texts.

use serde::{Deserialize, Serialize};

use super::{MissingCategory, MissingNumber, TableProblem, Unknown};

/// What a text becomes.
pub(super) enum Made {
    /// Numbers were put behind those of the columns before.
    Numbers,
    /// Its row is left out.
    Drop,
}

/// A column of numbers: `(x - shift) / scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FittedNumber {
    pub(super) name: String,
    pub(super) missing: MissingNumber,
    /// Of the training rows; it stands for what is missing, if that is asked for.
    pub(super) mean: f64,
    pub(super) shift: f64,
    pub(super) scale: f64,
}

impl FittedNumber {
    /// Whether it can scale anything: a file may say what it likes.
    pub(super) fn check(&self) -> Result<(), String> {
        let filled = match self.missing {
            MissingNumber::Value(value) => value,
            _ => 0.0,
        };
        let all = [self.mean, self.shift, self.scale, filled];
        match all.iter().all(|x| x.is_finite()) && self.scale > 0.0 {
            true => Ok(()),
            false => Err(format!(
                "column `{}` has no usable mean and scale",
                self.name
            )),
        }
    }

    /// The names of its numbers.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.missing == MissingNumber::Indicator {
            names.push(format!("{} is missing", self.name));
        }
        names
    }

    pub(super) fn encode(
        &self,
        text: Option<&str>,
        to: &mut Vec<f32>,
    ) -> Result<Made, TableProblem> {
        let x = match (text, self.missing) {
            (Some(text), _) => number(text)?,
            (None, MissingNumber::Error) => return Err(TableProblem::Missing),
            (None, MissingNumber::Drop) => return Ok(Made::Drop),
            (None, MissingNumber::Value(value)) => value,
            (None, MissingNumber::Mean | MissingNumber::Indicator) => self.mean,
        };
        let scaled = ((x - self.shift) / self.scale) as f32;
        if !scaled.is_finite() {
            return Err(TableProblem::TooLarge { value: x });
        }
        to.push(scaled);
        if self.missing == MissingNumber::Indicator {
            to.push(f32::from(u8::from(text.is_none())));
        }
        Ok(Made::Numbers)
    }

    /// The number that a scaled one stands for.
    pub(super) fn unscaled(&self, scaled: f32) -> f64 {
        f64::from(scaled) * self.scale + self.shift
    }
}

/// A column of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FittedCategory {
    pub(super) name: String,
    pub(super) missing: MissingCategory,
    pub(super) unknown: Unknown,
    pub(super) categories: Vec<String>,
    /// Which of them most training rows have.
    pub(super) most_frequent: usize,
}

impl FittedCategory {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.most_frequent >= self.categories.len() {
            return Err(format!("column `{}` has no category", self.name));
        }
        distinct(&self.categories)
            .map_err(|twice| format!("column `{}` has `{twice}` twice", self.name))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .categories
            .iter()
            .map(|category| format!("{}={category}", self.name))
            .collect();
        if self.missing == MissingCategory::Indicator {
            names.push(format!("{} is missing", self.name));
        }
        names
    }

    pub(super) fn encode(
        &self,
        text: Option<&str>,
        to: &mut Vec<f32>,
    ) -> Result<Made, TableProblem> {
        let found = text.and_then(|text| self.position(text));
        let one = match (text, found) {
            (_, Some(at)) => Some(at),
            (None, None) => return self.encode_missing(to),
            (Some(text), None) => match self.unknown {
                Unknown::Error => {
                    return Err(TableProblem::UnknownCategory {
                        value: text.to_owned(),
                        known: self.categories.len(),
                    });
                }
                Unknown::Drop => return Ok(Made::Drop),
                Unknown::Zeros => None,
                Unknown::MostFrequent => Some(self.most_frequent),
                Unknown::Missing => return self.encode_missing(to),
            },
        };
        self.put(one, to);
        Ok(Made::Numbers)
    }

    fn encode_missing(&self, to: &mut Vec<f32>) -> Result<Made, TableProblem> {
        let one = match &self.missing {
            MissingCategory::Error => return Err(TableProblem::Missing),
            MissingCategory::Drop => return Ok(Made::Drop),
            MissingCategory::Value(value) => self.position(value),
            MissingCategory::MostFrequent => Some(self.most_frequent),
            MissingCategory::Indicator => Some(self.categories.len()),
        };
        self.put(one, to);
        Ok(Made::Numbers)
    }

    /// A one at a place, and zeros at all others.
    fn put(&self, one: Option<usize>, to: &mut Vec<f32>) {
        let indicator = usize::from(self.missing == MissingCategory::Indicator);
        let first = to.len();
        to.resize(first + self.categories.len() + indicator, 0.0);
        if let Some(at) = one {
            to[first + at] = 1.0;
        }
    }

    fn position(&self, text: &str) -> Option<usize> {
        self.categories.iter().position(|category| category == text)
    }
}

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FittedTarget {
    None,
    Numbers(Vec<FittedNumber>),
    Class { name: String, classes: Vec<String> },
}

/// Either kind of input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FittedInput {
    Number(FittedNumber),
    Category(FittedCategory),
}

impl FittedInput {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Number(column) => &column.name,
            Self::Category(column) => &column.name,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Number(column) => column.names(),
            Self::Category(column) => column.names(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Number(column) => column.check(),
            Self::Category(column) => column.check(),
        }
    }

    pub(super) fn encode(
        &self,
        text: Option<&str>,
        to: &mut Vec<f32>,
    ) -> Result<Made, TableProblem> {
        match self {
            Self::Number(column) => column.encode(text, to),
            Self::Category(column) => column.encode(text, to),
        }
    }
}

/// The number that a text is.
pub(super) fn number(text: &str) -> Result<f64, TableProblem> {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
    number.ok_or_else(|| TableProblem::NotANumber {
        value: text.to_owned(),
    })
}

/// `Ok` unless a text is there twice; then that one.
pub(super) fn distinct(texts: &[String]) -> Result<(), &str> {
    let mut seen = std::collections::HashSet::new();
    match texts.iter().find(|text| !seen.insert(text.as_str())) {
        Some(twice) => Err(twice),
        None => Ok(()),
    }
}
