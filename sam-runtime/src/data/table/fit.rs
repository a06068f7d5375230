//! From columns and the rows that are trained on to an encoder.

use std::collections::BTreeMap;

use super::{
    Category, Columns, MissingCategory, MissingNumber, Number, Row, Scale, TableEncoder,
    TableProblem,
    columns::{Input, Target},
    fitted::{FittedCategory, FittedInput, FittedNumber, FittedTarget, number},
    rows::Header,
};
use crate::data::{DataError, Dataset};

impl Columns {
    /// Learns what is to be learned of the rows that are trained on: means and deviations, categories, classes. Rows that are
    /// dropped count for nothing.
    ///
    /// # Errors
    /// [`DataError::Table`], with line and column: for columns that are not there or are named twice, texts that are no
    /// number, and values that are missing and may not be. [`DataError::Empty`] if there is no row.
    pub fn fit<Ds: Dataset<Item = Row>>(&self, rows: &Ds) -> Result<TableEncoder, DataError> {
        let rows: Vec<Row> = (0..rows.len())
            .map(|at| rows.get(at))
            .collect::<Result<_, _>>()?;
        let Some(header) = rows.first().map(|row| row.header.clone()) else {
            return Err(DataError::Empty);
        };
        self.check(&header)?;
        let rows = self.kept(rows, &header)?;
        let learn = |input: &Input| {
            Ok(match input {
                Input::Number(column) => FittedInput::Number(fit_number(column, &rows)?),
                Input::Category(column) => FittedInput::Category(fit_category(column, &rows)?),
            })
        };
        let inputs = self
            .inputs
            .iter()
            .map(learn)
            .collect::<Result<_, DataError>>()?;
        let target = match &self.target {
            Target::None => FittedTarget::None,
            Target::Numbers(numbers) => {
                let fitted = numbers.iter().map(|column| fit_number(column, &rows));
                FittedTarget::Numbers(fitted.collect::<Result<_, _>>()?)
            }
            Target::Class(name) => {
                let column = Category::new(name);
                let classes = fit_category(&column, &rows)?.categories;
                let name = name.clone();
                FittedTarget::Class { name, classes }
            }
        };
        Ok(TableEncoder {
            inputs,
            target,
            drops_without_target: self.drops_without_target,
            missing: header.missing.clone(),
        })
    }

    /// Whether all columns are there, each of them asked for once.
    fn check(&self, header: &Header) -> Result<(), DataError> {
        if self.inputs.is_empty() {
            return Err(header.error(None, None, TableProblem::NoInputs));
        }
        let inputs = self.inputs.iter().map(|input| match input {
            Input::Number(column) => &column.name,
            Input::Category(column) => &column.name,
        });
        let mut seen = std::collections::HashSet::new();
        for name in inputs.chain(self.targets()) {
            header.position(name)?;
            if !seen.insert(name) {
                return Err(header.error(None, Some(name), TableProblem::NamedTwice));
            }
        }
        Ok(())
    }

    fn targets(&self) -> Vec<&String> {
        match &self.target {
            Target::None => Vec::new(),
            Target::Numbers(numbers) => numbers.iter().map(|number| &number.name).collect(),
            Target::Class(name) => vec![name],
        }
    }

    /// The rows that are not left out for a gap.
    fn kept(&self, rows: Vec<Row>, header: &Header) -> Result<Vec<Row>, DataError> {
        let drops = |input: &&Input| match input {
            Input::Number(column) => column.missing == MissingNumber::Drop,
            Input::Category(column) => column.missing == MissingCategory::Drop,
        };
        let mut needed: Vec<&String> = self
            .inputs
            .iter()
            .filter(drops)
            .map(|input| match input {
                Input::Number(column) => &column.name,
                Input::Category(column) => &column.name,
            })
            .collect();
        if self.drops_without_target {
            needed.extend(self.targets());
        } else if let Target::Numbers(numbers) = &self.target {
            let dropped = numbers
                .iter()
                .filter(|it| it.missing == MissingNumber::Drop);
            needed.extend(dropped.map(|column| &column.name));
        }
        let all = rows.len();
        let mut kept = Vec::with_capacity(all);
        for row in rows {
            let mut whole = true;
            for name in &needed {
                whole &= row.value(name)?.is_some();
            }
            if whole {
                kept.push(row);
            }
        }
        if kept.is_empty() {
            return Err(header.error(None, None, TableProblem::AllDropped { rows: all }));
        }
        Ok(kept)
    }
}

/// The values of a column; those that are missing only if they may be.
fn values<'r>(
    rows: &'r [Row],
    name: &str,
    may_be_missing: bool,
) -> Result<Vec<(&'r Row, &'r str)>, DataError> {
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        match row.value(name)? {
            Some(text) => values.push((row, text)),
            None if may_be_missing => {}
            None => return Err(row.error(Some(name), TableProblem::Missing)),
        }
    }
    Ok(values)
}

fn fit_number(column: &Number, rows: &[Row]) -> Result<FittedNumber, DataError> {
    let name = &column.name;
    let wrong = |problem| rows[0].header.error(None, Some(name), problem);
    let texts = values(rows, name, column.missing != MissingNumber::Error)?;
    let mut numbers = Vec::with_capacity(texts.len());
    for (row, text) in texts {
        numbers.push(number(text).map_err(|problem| row.error(Some(name), problem))?);
    }
    if let MissingNumber::Value(value) = column.missing
        && !value.is_finite()
    {
        let value = value.to_string();
        return Err(wrong(TableProblem::NotANumber { value }));
    }
    let needs_values = column.scale != Scale::None
        || matches!(
            column.missing,
            MissingNumber::Mean | MissingNumber::Indicator
        );
    if numbers.is_empty() && needs_values {
        return Err(wrong(TableProblem::NoValues));
    }
    let mean = mean(&numbers);
    let (shift, scale) = match column.scale {
        Scale::None => (0.0, 1.0),
        Scale::Standard => (mean, deviation(&numbers, mean)),
        Scale::MinMax => {
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let range = most - least;
            (least, if range == 0.0 { 1.0 } else { range })
        }
    };
    let fitted = FittedNumber {
        name: name.clone(),
        missing: column.missing,
        mean: if needs_values { mean } else { 0.0 },
        shift,
        scale,
    };
    match fitted.check() {
        Ok(()) => Ok(fitted),
        Err(_) => Err(wrong(TableProblem::NoStatistics)),
    }
}

fn mean(numbers: &[f64]) -> f64 {
    match numbers.len() {
        0 => 0.0,
        n => numbers.iter().sum::<f64>() / n as f64,
    }
}

/// Of the population; 1 where all numbers are the same but for rounding, as in scikit-learn.
fn deviation(numbers: &[f64], mean: f64) -> f64 {
    let n = numbers.len() as f64;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    if !variance.is_finite() {
        return variance;
    }
    let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    if variance <= rounding {
        1.0
    } else {
        variance.sqrt()
    }
}

fn fit_category(column: &Category, rows: &[Row]) -> Result<FittedCategory, DataError> {
    let name = &column.name;
    let may_be_missing = column.missing != MissingCategory::Error;
    let mut counts = BTreeMap::<&str, usize>::new();
    for (_, text) in values(rows, name, may_be_missing)? {
        *counts.entry(text).or_default() += 1;
    }
    if let MissingCategory::Value(value) = &column.missing {
        let given = values(rows, name, true)?.len();
        *counts.entry(value).or_default() += rows.len() - given;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    if counts.is_empty() {
        let problem = TableProblem::NoValues;
        return Err(rows[0].header.error(None, Some(name), problem));
    }
    let as_number = |text: &str| number(text).ok();
    if counts.iter().all(|(text, _)| as_number(text).is_some()) {
        counts.sort_by(|(a, _), (b, _)| match (as_number(a), as_number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        });
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let most_frequent = counts.iter().position(|(_, count)| *count == most);
    Ok(FittedCategory {
        name: name.clone(),
        missing: column.missing.clone(),
        unknown: column.unknown,
        most_frequent: most_frequent.unwrap_or(0),
        categories: counts
            .into_iter()
            .map(|(text, _)| text.to_owned())
            .collect(),
    })
}
