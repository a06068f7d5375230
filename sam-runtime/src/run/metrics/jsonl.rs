//! Records as lines of JSON, and back.
//!
//! A line is `{"step":390,"epoch":1.0,"seconds":12.5,"split":"train","loss":1.25}`. JSON has no NaN
//! and no infinity: they are the strings `"NaN"`, `"inf"` and `"-inf"`.

mod record;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::{
    MetricsError, Record, Sink,
    append::{AppendFile, error},
};

/// A file of records, one JSON object a line.
///
/// Each record is one write of one whole line.
///
/// ```
/// use sam_runtime::run::metrics::{JsonLines, Record, Sink};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("metrics.jsonl");
/// JsonLines::create(&path)?.write(&Record::new(390, 1.0, "train").with("loss", 1.25))?;
/// assert!(std::fs::read_to_string(&path)?.contains(r#""loss":1.25"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    file: AppendFile,
    line: Vec<u8>,
}

impl JsonLines {
    /// A new file, and its folder where that is missing.
    ///
    /// # Errors
    /// [`MetricsError::Exists`] if there is one that holds anything; [`MetricsError::File`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, MetricsError> {
        let file = AppendFile::create(path.as_ref())?;
        Ok(Self {
            file,
            line: Vec::new(),
        })
    }

    /// Goes on with the file of a run that is resumed at `step`: records after that step, and a
    /// half-written last line, are dropped. A file that isn't there is made.
    ///
    /// ```
    /// use sam_runtime::run::metrics::{JsonLines, Record, Sink, read_jsonl};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("metrics.jsonl");
    /// let mut first = JsonLines::create(&path)?;
    /// for step in [10, 20, 30] {
    ///     first.write(&Record::new(step, 0.0, "train"))?;
    /// }
    /// drop(first);
    /// JsonLines::resume(&path, 20)?.write(&Record::new(25, 0.0, "train"))?;
    /// let steps: Vec<u64> = read_jsonl(&path)?.iter().map(|record| record.step).collect();
    /// assert_eq!(steps, [10, 20, 25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let mut kept = Vec::with_capacity(bytes.len() + 1);
        for (line, text) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
            match parse(file.path(), line, text)? {
                Line::Record(record) if !stays(record.step, &record.split) => {}
                Line::Cut => {}
                Line::Record(_) | Line::Blank => {
                    kept.extend_from_slice(text);
                    if !text.ends_with(b"\n") {
                        kept.push(b'\n');
                    }
                }
            }
        }
        if kept != bytes {
            file.replace(&kept)?;
        }
        Ok(Self {
            file,
            line: Vec::new(),
        })
    }
}

impl Sink for JsonLines {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        record.check()?;
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)
            .map_err(|reason| error(self.file.path(), "write", reason.into()))?;
        self.line.push(b'\n');
        self.file.append(&self.line)
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        self.file.sync()
    }
}

/// All records of a file that [`JsonLines`] wrote, in its order. A half-written last line is passed
/// over, as a run leaves it that is cut off, or has not ended.
///
/// ```
/// use sam_runtime::run::metrics::{JsonLines, Record, Sink, read_jsonl};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("metrics.jsonl");
/// JsonLines::create(&path)?.write(&Record::new(10, 0.5, "test").with("accuracy", 0.9))?;
/// assert_eq!(read_jsonl(&path)?[0].get("accuracy"), Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`MetricsError::Line`] with the number of the first line that is no record;
/// [`MetricsError::File`].
pub fn read_jsonl(path: impl AsRef<Path>) -> Result<Vec<Record>, MetricsError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|reason| error(path, "open", reason))?;
    let (mut reader, mut text, mut records) = (BufReader::new(file), Vec::new(), Vec::new());
    for line in 1.. {
        text.clear();
        let read = reader.read_until(b'\n', &mut text);
        if read.map_err(|reason| error(path, "read", reason))? == 0 {
            break;
        }
        if let Line::Record(record) = parse(path, line, &text)? {
            records.push(record);
        }
    }
    Ok(records)
}

/// What a line is.
enum Line {
    Record(Record),
    Blank,
    /// No whole line: the beginning of one at the end of the file.
    Cut,
}

fn parse(path: &Path, line: u64, text: &[u8]) -> Result<Line, MetricsError> {
    if text.trim_ascii().is_empty() {
        return Ok(Line::Blank);
    }
    match serde_json::from_slice(text) {
        Ok(record) => Ok(Line::Record(record)),
        // A whole object ends with its brace, so one without a line break is whole, or isn't JSON.
        Err(_) if !text.ends_with(b"\n") => Ok(Line::Cut),
        Err(reason) => {
            // serde_json counts lines within the text, which is one.
            let (text, column) = (reason.to_string(), reason.column());
            let at = format!(" at line {} column {column}", reason.line());
            let problem = format!("{} (column {column})", text.trim_end_matches(&at));
            Err(MetricsError::Line {
                path: path.into(),
                line,
                problem,
            })
        }
    }
}
