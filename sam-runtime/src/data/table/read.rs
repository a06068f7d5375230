//! Reading files of comma-separated values.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Row, Table, TableProblem, rows::Header};
use crate::data::DataError;

/// Texts that stand for no value at first, beside the empty one.
const MISSING: [&str; 6] = ["NA", "N/A", "NaN", "nan", "NULL", "null"];

/// How a file of comma-separated values is read: [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180), in UTF-8, with or without a byte order mark,
/// lines ended by LF or CRLF. The first line has the names of the columns.
///
/// ```
/// use sam_runtime::data::{Dataset, table::Csv};
///
/// let table = Csv::new().delimiter(b';').missing(["?"]).names(["age", "city"]).parse("31;Oslo\n?;Bergen")?;
/// assert_eq!(table.column("age")?, [Some("31"), None]);
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Csv {
    delimiter: u8,
    quote: Option<u8>,
    names: Option<Vec<String>>,
    missing: Vec<String>,
}

impl Default for Csv {
    fn default() -> Self {
        Self::new()
    }
}

impl Csv {
    /// Commas, double quotes, names in the first line; `NA`, `N/A`, `NaN`, `nan`, `NULL`, `null` and nothing are no value.
    pub fn new() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            names: None,
            missing: MISSING.map(str::to_owned).to_vec(),
        }
    }

    /// What stands between fields, such as `b';'` or `b'\t'`.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }

    /// What stands around fields that have a delimiter, a line's end or a quote (then twice) in them; `None` if nothing does.
    pub fn quote(self, quote: Option<u8>) -> Self {
        Self { quote, ..self }
    }

    /// The names of the columns, for a file that begins with its first row.
    pub fn names<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        let names = Some(names);
        Self { names, ..self }
    }

    /// Texts that stand for no value, in place of those at first. The empty one always does.
    pub fn missing<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        let missing = texts.into_iter().map(Into::into).collect();
        Self { missing, ..self }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`DataError::Table`], with the line, for what can't be read: rows of another length than the first line, columns of the
    /// same name, a quote that is never closed, bytes that are no UTF-8, a file without any line.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Table, DataError> {
        let path = path.as_ref();
        let wrong = |problem| DataError::Table {
            path: path.to_owned(),
            line: None,
            column: None,
            problem,
        };
        let bytes = fs::read(path).map_err(|error| wrong(TableProblem::Read(error)))?;
        self.read(path.to_owned(), &bytes)
    }

    /// Reads a text. Errors call it `text`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(&self, text: &str) -> Result<Table, DataError> {
        self.read("text".into(), text.as_bytes())
    }

    fn read(&self, path: PathBuf, bytes: &[u8]) -> Result<Table, DataError> {
        let mut header = Header {
            path,
            names: Vec::new(),
            missing: self.missing.clone(),
        };
        let text = match str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let line = Some(1 + lines(&bytes[..error.valid_up_to()]));
                return Err(header.error(line, None, TableProblem::Encoding));
            }
        };
        let mut records = self.records(text, &header)?.into_iter();
        header.names = match &self.names {
            Some(names) => names.clone(),
            None => match records.next() {
                Some((names, _)) => names.iter().map(|name| name.trim().to_owned()).collect(),
                None => return Err(header.error(None, None, TableProblem::Empty)),
            },
        };
        check_names(&header)?;
        let header = Arc::new(header);
        let row = |(fields, line): (csv::StringRecord, u64)| {
            let (expected, found) = (header.names.len(), fields.len());
            if found != expected {
                let problem = TableProblem::Ragged { expected, found };
                return Err(header.error(Some(line), None, problem));
            }
            Ok(Row {
                header: Arc::clone(&header),
                fields: Arc::new(fields),
                line: Some(line),
            })
        };
        let rows = records.map(row).collect::<Result<_, _>>()?;
        Ok(Table { header, rows })
    }

    /// The records of a text, and the lines that they begin on.
    fn records(
        &self,
        text: &str,
        header: &Header,
    ) -> Result<Vec<(csv::StringRecord, u64)>, DataError> {
        let mut reader = self.reader(text);
        let mut records = Vec::new();
        let (mut counted, mut line) = (0, 1);
        let mut record = csv::StringRecord::new();
        loop {
            let more = reader.read_record(&mut record);
            let start = record.position().map_or(counted, |at| at.byte() as usize);
            match more {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let problem = TableProblem::Csv(error.to_string());
                    return Err(header.error(Some(line), None, problem));
                }
            }
            // A record's place is where the one before ended, in front of line ends that belong to neither.
            let rest = text.get(start..).unwrap_or_default();
            let start = text.len() - rest.trim_start_matches(['\r', '\n']).len();
            line += lines(text.as_bytes().get(counted..start).unwrap_or_default());
            counted = start;
            records.push((record.clone(), line));
        }
        if self.ends_in_quotes(text.get(counted..).unwrap_or_default()) {
            return Err(header.error(Some(line), None, TableProblem::OpenQuote));
        }
        Ok(records)
    }

    fn reader<'a>(&self, text: &'a str) -> csv::Reader<&'a [u8]> {
        let mut reader = csv::ReaderBuilder::new();
        reader
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true);
        match self.quote {
            Some(quote) => reader.quote(quote),
            None => reader.quoting(false),
        };
        reader.from_reader(text.as_bytes())
    }

    /// Whether the last record of a text is inside of quotes when the text ends: a field that is put behind it then
    /// belongs to it, and is otherwise a record of its own.
    fn ends_in_quotes(&self, last: &str) -> bool {
        let Some(quote) = self.quote.filter(|_| !last.is_empty()) else {
            return false;
        };
        let mut longer = last.to_owned();
        longer.push('\n');
        longer.push(char::from(quote));
        longer.push('x');
        longer.push(char::from(quote));
        let count = |text: &str| self.reader(text).into_byte_records().count();
        count(&longer) == count(last)
    }
}

impl Table {
    /// Reads a file with commas, and names in its first line; see [`Csv`].
    ///
    /// # Errors
    /// As [`Csv::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        Csv::new().open(path)
    }

    /// Reads a text like such a file.
    ///
    /// # Errors
    /// As [`Csv::open`].
    pub fn parse(text: &str) -> Result<Self, DataError> {
        Csv::new().parse(text)
    }
}

/// How many lines end in these bytes.
fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// `Ok` unless two columns have one name. Columns without a name can't be asked for, so there may be several.
fn check_names(header: &Header) -> Result<(), DataError> {
    let mut seen = std::collections::HashMap::new();
    for (at, name) in header
        .names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
    {
        if let Some(first) = seen.insert(name, at) {
            let (first, second) = (first + 1, at + 1);
            let problem = TableProblem::DuplicateName { first, second };
            return Err(header.error(Some(1), Some(name), problem));
        }
    }
    Ok(())
}
