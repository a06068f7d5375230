//! Records as a table of comma-separated values.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, path::Path};

use ::csv::{ByteRecord, ReaderBuilder, WriterBuilder};

use super::{MetricsError, Record, Sink, append::AppendFile, record::FIELDS};

/// The column of the split.
const SPLIT: usize = 3;

/// A table of records: `step`, `epoch`, `seconds`, `split`, then a column for each name that any
/// record has.
///
/// A cell is empty where a record lacks the value. NaN and the infinities are `NaN`, `inf` and `-inf`,
/// as pandas and R read them. A name that comes up in mid-run gets a column at the right end: the file
/// is then written anew, atomically, in a time that grows with the file.
///
/// ```
/// use sam_runtime::run::metrics::{Csv, Record, Sink};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("metrics.csv");
/// Csv::create(&path)?.write(&Record::new(390, 1.0, "train").with("loss", 1.25))?;
/// let text = std::fs::read_to_string(&path)?;
/// assert_eq!(text.lines().next(), Some("step,epoch,seconds,split,loss"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Csv {
    file: AppendFile,
    columns: Vec<String>,
}

impl Csv {
    /// A new file, and its folder where that is missing.
    ///
    /// # Errors
    /// [`MetricsError::Exists`] if there is one that holds anything; [`MetricsError::File`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, MetricsError> {
        Self::begin(AppendFile::create(path.as_ref())?)
    }

    /// Goes on with the file of a run that is resumed at `step`: records after that step, and a
    /// half-written last line, are dropped. A file that isn't there is made.
    ///
    /// # Errors
    /// [`MetricsError::Line`] if an earlier line is no record; then the file stays as it is.
    /// [`MetricsError::InUse`], [`MetricsError::File`].
    pub fn resume(path: impl AsRef<Path>, step: u64) -> Result<Self, MetricsError> {
        Self::resume_with(path.as_ref(), |of, _| of <= step)
    }

    /// As [`resume`](Self::resume), with the records that stay by their step and split.
    pub(in crate::run) fn resume_with(
        path: &Path,
        stays: impl Fn(u64, &str) -> bool,
    ) -> Result<Self, MetricsError> {
        let mut file = AppendFile::open(path)?;
        let bytes = file.read()?;
        // A row cut in its last number looks whole: only a line break tells.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n');
        let Some(end) = whole else {
            return Self::begin(file);
        };
        let mut rows = (1..).zip(rows(file.path(), &bytes[..=end])?);
        let (_, (header, first)) = rows.next().unwrap_or_default();
        let columns = columns(file.path(), &header)?;
        let mut kept = first.to_vec();
        for (number, (row, text)) in rows {
            if stays(step_of(file.path(), (number, &row))?, &split_of(&row)) {
                kept.extend_from_slice(text);
            }
        }
        if kept != bytes {
            file.replace(&kept)?;
        }
        Ok(Self { file, columns })
    }

    /// An empty table. It gets its first line, so that one without records is a table too.
    fn begin(mut file: AppendFile) -> Result<Self, MetricsError> {
        let columns = FIELDS.map(str::to_owned).to_vec();
        file.replace(&line(columns.iter().map(String::as_bytes)))?;
        Ok(Self { file, columns })
    }

    /// Gives the names in `record` that have no column one each.
    fn widen(&mut self, record: &Record) -> Result<(), MetricsError> {
        let has = |name: &str| self.columns.iter().any(|column| column == name);
        let new = record.values().map(|(name, _)| name);
        let new: Vec<String> = new.filter(|name| !has(name)).map(String::from).collect();
        if new.is_empty() {
            return Ok(());
        }
        let bytes = self.file.read()?;
        let columns: Vec<String> = self.columns.iter().cloned().chain(new.clone()).collect();
        let mut wider = line(columns.iter().map(String::as_bytes));
        for row in bytes.split_inclusive(|&byte| byte == b'\n').skip(1) {
            let end = row.strip_suffix(b"\n").unwrap_or(row);
            wider.extend_from_slice(end.strip_suffix(b"\r").unwrap_or(end));
            wider.extend(new.iter().map(|_| b','));
            wider.push(b'\n');
        }
        self.file.replace(&wider)?;
        self.columns = columns;
        Ok(())
    }
}

impl Sink for Csv {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        record.check()?;
        self.widen(record)?;
        let mut cells = vec![
            record.step.to_string(),
            format!("{:?}", record.epoch),
            format!("{:?}", record.seconds),
            record.split.to_string(),
        ];
        // Debug is the shortest text that reads back as the same number.
        let cell = |value: f64| format!("{value:?}");
        let values = self.columns[FIELDS.len()..].iter();
        cells.extend(values.map(|name| record.get(name).map(cell).unwrap_or_default()));
        let row = line(cells.iter().map(String::as_bytes));
        self.file.append(&row)
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        self.file.sync()
    }
}

/// One line, with quotes where cells need them.
fn line<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .buffer_capacity(256)
        .from_writer(Vec::new());
    let written = writer.write_record(cells);
    written.expect("a Vec takes every byte, and a table has columns");
    writer.into_inner().expect("a Vec takes every byte")
}

/// The lines of a table, cells and bytes, all of one length.
fn rows<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(ByteRecord, &'a [u8])>, MetricsError> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut rows: Vec<(ByteRecord, &[u8])> = Vec::new();
    for (number, text) in (1..).zip(lines) {
        let problem = |problem: String| line_error(path, number, problem);
        // Then one row is one line.
        if text.trim_ascii().is_empty() {
            return Err(problem("it is empty".into()));
        }
        if text.iter().filter(|&&byte| byte == b'"').count() % 2 != 0 {
            return Err(problem("it ends within quotes".into()));
        }
        let mut row = ByteRecord::new();
        let read = reader.read_byte_record(&mut row);
        read.map_err(|reason| problem(reason.to_string()))?;
        if let Some((header, _)) = rows.first()
            && row.len() != header.len()
        {
            return Err(problem(format!(
                "it has {} cells, but the table has {} columns",
                row.len(),
                header.len()
            )));
        }
        rows.push((row, text));
    }
    Ok(rows)
}

/// The names of the columns, from the first line.
fn columns(path: &Path, header: &ByteRecord) -> Result<Vec<String>, MetricsError> {
    let names = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned());
    let names: Vec<String> = names.collect();
    if !names.iter().take(FIELDS.len()).eq(FIELDS.iter()) {
        let wanted = FIELDS.join(",");
        let problem =
            format!("its columns don't begin with {wanted}; it is not a table of records");
        return Err(line_error(path, 1, problem));
    }
    let twice = (1..names.len()).find(|&i| names[..i].contains(&names[i]));
    if let Some(i) = twice {
        let problem = format!("there are two columns `{}`", names[i]);
        return Err(line_error(path, 1, problem));
    }
    Ok(names)
}

fn step_of(path: &Path, (number, row): (u64, &ByteRecord)) -> Result<u64, MetricsError> {
    let text = String::from_utf8_lossy(&row[0]);
    text.parse().map_err(|_| {
        let problem = format!("its step is `{text}`, which is no whole number");
        line_error(path, number, problem)
    })
}

fn split_of(row: &ByteRecord) -> Cow<'_, str> {
    String::from_utf8_lossy(row.get(SPLIT).unwrap_or_default())
}

fn line_error(path: &Path, line: u64, problem: String) -> MetricsError {
    MetricsError::Line {
        path: path.into(),
        line,
        problem,
    }
}
