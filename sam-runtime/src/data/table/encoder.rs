//! From the rows of a table to samples, by what was learned of the training rows.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use dfdx::shapes::Rank1;
use serde::{Deserialize, Serialize};

use super::{
    Encoded, Row, TableProblem,
    fitted::{FittedInput, FittedTarget, Made, distinct},
    rows::Header,
};
use crate::{
    data::{DataError, Dataset, Sample},
    files,
};

/// Turns rows of a table into samples: the columns that were named, with means, deviations, categories and classes of the
/// rows that they were [fitted](super::Columns::fit) to. The same for other files, and for single rows.
///
/// It is saved beside the model ([`save`](Self::save)), or as any other value that `serde` writes, within a file of one's own.
///
/// ```
/// use sam_runtime::data::{Dataset, table::{Columns, Number, Table, TableEncoder}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let train = Table::parse("height,kind\n10,oak\n14,oak\n3,rose\n5,rose\n")?;
/// let encoder = Columns::new().number("height").class("kind").fit(&train)?;
/// assert_eq!(encoder.classes(), ["oak", "rose"]);
/// let samples = encoder.classification::<1, 2>(&train)?;
/// assert_eq!(samples.get(2)?.label(), 1);
///
/// // In another program, of a single row.
/// let file = std::env::temp_dir().join("sam-train-encoder-of-plants.json");
/// encoder.save(&file)?;
/// let encoder = TableEncoder::load(&file)?;
/// let [scaled] = encoder.row([("height", "8")])?;
/// assert_eq!(scaled, 0.0); // the mean
/// # std::fs::remove_file(file)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct TableEncoder {
    pub(super) inputs: Vec<FittedInput>,
    pub(super) target: FittedTarget,
    pub(super) drops_without_target: bool,
    /// Texts that stand for no value, for single rows; files have their own.
    pub(super) missing: Vec<String>,
}

/// What a file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    inputs: Vec<FittedInput>,
    target: FittedTarget,
    drops_without_target: bool,
    missing: Vec<String>,
}

impl TryFrom<Unchecked> for TableEncoder {
    type Error = String;

    fn try_from(unchecked: Unchecked) -> Result<Self, String> {
        let encoder = Self {
            inputs: unchecked.inputs,
            target: unchecked.target,
            drops_without_target: unchecked.drops_without_target,
            missing: unchecked.missing,
        };
        if encoder.inputs.is_empty() {
            return Err("it has no input".to_owned());
        }
        encoder.inputs.iter().try_for_each(FittedInput::check)?;
        match &encoder.target {
            FittedTarget::None => {}
            FittedTarget::Numbers(numbers) => numbers.iter().try_for_each(|it| it.check())?,
            FittedTarget::Class { classes, .. } => {
                distinct(classes).map_err(|twice| format!("the class `{twice}` is there twice"))?
            }
        }
        Ok(encoder)
    }
}

/// Where the columns are in a table.
pub(super) struct Places {
    header: Arc<Header>,
    pub(super) inputs: Vec<usize>,
    targets: Vec<usize>,
}

impl TableEncoder {
    /// How many numbers an input has.
    pub fn width(&self) -> usize {
        self.inputs.iter().map(|input| input.names().len()).sum()
    }

    /// What each number of an input is: the name of a column, `column=category`, or `column is missing`.
    pub fn feature_names(&self) -> Vec<String> {
        self.inputs.iter().flat_map(FittedInput::names).collect()
    }

    /// The names of the classes, in the order of their numbers; none if the target is not a class.
    pub fn classes(&self) -> &[String] {
        match &self.target {
            FittedTarget::Class { classes, .. } => classes,
            _ => &[],
        }
    }

    /// How many numbers are to be predicted of a row; `None` if the target is not numbers.
    pub(crate) fn targets(&self) -> Option<usize> {
        match &self.target {
            FittedTarget::Numbers(numbers) => Some(numbers.len()),
            _ => None,
        }
    }

    /// Inputs and the numbers that are to be predicted: batches `(B, F)` and `(B, T)`.
    ///
    /// # Errors
    /// [`DataError::Table`], with line and column: for columns that are not there, texts that are no number, and values that
    /// are missing or unknown and may not be; for types of another width than the columns make.
    #[expect(clippy::type_complexity, reason = "it is what a batch is made of")]
    pub fn regression<const F: usize, const T: usize>(
        &self,
        rows: &impl Dataset<Item = Row>,
    ) -> Result<Encoded<([f32; F], [f32; T])>, DataError> {
        let FittedTarget::Numbers(numbers) = &self.target else {
            let (wanted, with) = ("number as a target", "target");
            return Err(self.of_encoder(rows, TableProblem::NoTarget { wanted, with }));
        };
        if numbers.len() != T {
            let (made, asked) = (numbers.len(), T);
            return Err(self.of_encoder(rows, TableProblem::Targets { made, asked }));
        }
        self.encode(
            rows,
            |input, target| (input, target),
            |row, places| {
                let mut target = [0.0; T];
                let mut made = Vec::with_capacity(2);
                for ((number, &at), to) in numbers.iter().zip(&places.targets).zip(&mut target) {
                    made.clear();
                    let text = row.at(at);
                    if text.is_none() && self.drops_without_target {
                        return Ok(None);
                    }
                    match number.encode(text, &mut made) {
                        Ok(Made::Numbers) => *to = made[0],
                        Ok(Made::Drop) => return Ok(None),
                        Err(problem) => return Err(row.error(Some(&number.name), problem)),
                    }
                }
                Ok(Some(target))
            },
        )
    }

    /// Inputs and classes: batches `(B, F)` and, one-hot, `(B, C)`.
    ///
    /// # Errors
    /// As [`regression`](Self::regression); for a class that the training rows don't have.
    pub fn classification<const F: usize, const C: usize>(
        &self,
        rows: &impl Dataset<Item = Row>,
    ) -> Result<Encoded<Sample<Rank1<F>, C>>, DataError> {
        let FittedTarget::Class { name, classes } = &self.target else {
            let (wanted, with) = ("class", "class");
            return Err(self.of_encoder(rows, TableProblem::NoTarget { wanted, with }));
        };
        if classes.len() != C {
            let problem = TableProblem::Classes {
                made: classes.len(),
                asked: C,
                classes: classes.clone(),
            };
            return Err(self.of_encoder(rows, problem));
        }
        let numbers: HashMap<&str, usize> = classes
            .iter()
            .enumerate()
            .map(|(number, class)| (class.as_str(), number))
            .collect();
        let encoded = self.encode(
            rows,
            |input: [f32; F], label| (input, label),
            |row, places| {
                let problem = match places.targets.first().and_then(|&at| row.at(at)) {
                    None if self.drops_without_target => return Ok(None),
                    None => TableProblem::Missing,
                    Some(text) => match numbers.get(text) {
                        Some(&label) => return Ok(Some(label)),
                        None => TableProblem::UnknownClass {
                            value: text.to_owned(),
                            classes: classes.clone(),
                        },
                    },
                };
                Err(row.error(Some(name), problem))
            },
        )?;
        encoded.try_map_samples(|(input, label)| Sample::new(input.to_vec(), label))
    }

    /// Inputs alone, of rows whose targets nobody knows: batches `(B, F)`.
    ///
    /// # Errors
    /// As [`regression`](Self::regression).
    pub fn inputs<const F: usize>(
        &self,
        rows: &impl Dataset<Item = Row>,
    ) -> Result<Encoded<[f32; F]>, DataError> {
        let inputs = rows_of(rows)?;
        let mut encoded = Encoded::new();
        let mut places = None;
        for row in inputs {
            let places = self.places(&row, false, &mut places)?;
            match self.input::<F>(&row, &places.inputs)? {
                Some(input) => encoded.push(&row, input),
                None => encoded.drop_row(&row),
            }
        }
        Ok(encoded)
    }

    /// The numbers that a network's outputs stand for, in the units of the table: one for each target, of one row or of several,
    /// row by row.
    ///
    /// Numbers of an encoder without such targets come back as they are.
    pub fn unscaled(&self, outputs: &[f32]) -> Vec<f64> {
        match &self.target {
            FittedTarget::Numbers(numbers) if !numbers.is_empty() => {
                let columns = numbers.iter().cycle();
                outputs
                    .iter()
                    .zip(columns)
                    .map(|(&x, column)| column.unscaled(x))
                    .collect()
            }
            _ => outputs.iter().map(|&x| x.into()).collect(),
        }
    }

    /// Writes it as JSON. A file that is there is replaced, as a whole or not at all.
    ///
    /// # Errors
    /// [`DataError::Table`] if it can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let mut text = self.to_json();
        text.push('\n');
        let written = files::save(path, text.as_bytes());
        written.map_err(|error| of_file(path, TableProblem::Write(error)))
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`DataError::Table`] if it can't be read, or is something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| of_file(path, TableProblem::Read(error)))?;
        let read = serde_json::from_str(&text);
        read.map_err(|error| of_file(path, TableProblem::NoEncoder(error.to_string())))
    }

    /// It as JSON: to put into a file of one's own.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("finite numbers and texts can be written")
    }

    /// What [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`DataError::Table`] if it is something else.
    pub fn from_json(text: &str) -> Result<Self, DataError> {
        let read = serde_json::from_str(text);
        read.map_err(|error| {
            of_file(
                Path::new("text"),
                TableProblem::NoEncoder(error.to_string()),
            )
        })
    }

    /// All rows that are not left out, each with its target.
    fn encode<const F: usize, T, I>(
        &self,
        rows: &impl Dataset<Item = Row>,
        sample: impl Fn([f32; F], T) -> I,
        target: impl Fn(&Row, &Places) -> Result<Option<T>, DataError>,
    ) -> Result<Encoded<I>, DataError> {
        let mut encoded = Encoded::new();
        let mut places = None;
        for row in rows_of(rows)? {
            let places = self.places(&row, true, &mut places)?;
            let input = self.input::<F>(&row, &places.inputs)?;
            match input.zip(target(&row, places)?) {
                Some((input, target)) => encoded.push(&row, sample(input, target)),
                None => encoded.drop_row(&row),
            }
        }
        Ok(encoded)
    }

    /// The input of a row whose columns are at `places`; `None` if it is to be left out.
    fn input<const F: usize>(
        &self,
        row: &Row,
        places: &[usize],
    ) -> Result<Option<[f32; F]>, DataError> {
        let numbers = self.numbers(row, places)?;
        numbers.map(|numbers| self.sized(row, numbers)).transpose()
    }

    /// The numbers of that input, whatever their number.
    pub(super) fn numbers(
        &self,
        row: &Row,
        places: &[usize],
    ) -> Result<Option<Vec<f32>>, DataError> {
        let mut numbers = Vec::new();
        let mut is_kept = true;
        for (input, &at) in self.inputs.iter().zip(places) {
            match input.encode(row.at(at), &mut numbers) {
                Ok(Made::Numbers) => {}
                Ok(Made::Drop) => is_kept = false,
                Err(problem) => return Err(row.error(Some(input.name()), problem)),
            }
        }
        Ok(is_kept.then_some(numbers))
    }

    /// The numbers of a row as an input of `F`.
    pub(super) fn sized<const F: usize>(
        &self,
        row: &Row,
        numbers: Vec<f32>,
    ) -> Result<[f32; F], DataError> {
        let made = numbers.len();
        <[f32; F]>::try_from(numbers).map_err(|_| {
            let names = self.feature_names();
            let asked = F;
            let path = row.header.path.clone();
            let problem = TableProblem::Width { made, asked, names };
            of_file(&path, problem)
        })
    }

    /// Where the columns are in the table that a row is of; looked for again if it is another one than that of the row before.
    pub(super) fn places<'p>(
        &self,
        row: &Row,
        with_targets: bool,
        known: &'p mut Option<Places>,
    ) -> Result<&'p Places, DataError> {
        let is_known = |places: &Places| Arc::ptr_eq(&places.header, &row.header);
        if !known.as_ref().is_some_and(is_known) {
            let header = &row.header;
            let at = |name: &str| header.position(name);
            let inputs = self.inputs.iter().map(|input| at(input.name()));
            let targets = match &self.target {
                _ if !with_targets => Vec::new(),
                FittedTarget::None => Vec::new(),
                FittedTarget::Numbers(numbers) => {
                    let places = numbers.iter().map(|number| at(&number.name));
                    places.collect::<Result<_, _>>()?
                }
                FittedTarget::Class { name, .. } => vec![at(name)?],
            };
            *known = Some(Places {
                header: Arc::clone(header),
                inputs: inputs.collect::<Result<_, _>>()?,
                targets,
            });
        }
        known.as_ref().ok_or(DataError::Empty)
    }

    /// An error that is about no row, of the file that the rows are from.
    fn of_encoder(&self, rows: &impl Dataset<Item = Row>, problem: TableProblem) -> DataError {
        let path = match rows.get(0) {
            Ok(row) => row.header.path.clone(),
            Err(_) => PathBuf::from("table"),
        };
        of_file(&path, problem)
    }
}

fn rows_of(rows: &impl Dataset<Item = Row>) -> Result<Vec<Row>, DataError> {
    (0..rows.len()).map(|at| rows.get(at)).collect()
}

fn of_file(path: &Path, problem: TableProblem) -> DataError {
    DataError::Table {
        path: path.to_owned(),
        line: None,
        column: None,
        problem,
    }
}
