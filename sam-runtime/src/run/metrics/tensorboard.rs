//! Records as event files of TensorBoard.
//!
//! An event file is a sequence of TFRecords, each a protobuf `Event` between checksums. The messages
//! are TensorFlow's `event.proto` and `summary.proto`, as far as scalars need them.

mod frame;
mod proto;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;

use super::{
    MetricsError, Record, Sink,
    append::{AppendFile, error},
};
use crate::files::make_folder;
use proto::{Event, SessionLog, Summary, Value, What};

/// Scalars for TensorBoard, called `train/loss` and so on, in a file `events.out.tfevents.*`.
///
/// Values are kept as `f32`, the format's own type for scalars. Show them with `tensorboard --logdir`
/// and the folder, or the one above it for several runs. With the feature `tensorboard`.
#[derive(Debug)]
pub struct TensorBoard {
    file: AppendFile,
}

impl TensorBoard {
    /// A new event file in `dir`, which is made where it is missing.
    ///
    /// ```
    /// use sam_runtime::run::metrics::{Record, Sink, TensorBoard};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let mut board = TensorBoard::create(dir.path().join("runs/first"))?;
    /// board.write(&Record::new(1, 0.1, "train").with("loss", 2.3))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`MetricsError::Exists`] if there is an event file in it; [`MetricsError::File`].
    pub fn create(dir: impl AsRef<Path>) -> Result<Self, MetricsError> {
        let dir = dir.as_ref();
        match last_second(dir)? {
            Some(_) => Err(MetricsError::Exists { path: dir.into() }),
            None => Self::begin(dir, None),
        }
    }

    /// Goes on with a run that is resumed at `step`, in a new event file that tells TensorBoard to
    /// forget what earlier files in `dir` have after that step. Those files stay as they are.
    ///
    /// # Errors
    /// [`MetricsError::Step`], [`MetricsError::File`].
    pub fn resume(dir: impl AsRef<Path>, step: u64) -> Result<Self, MetricsError> {
        let (dir, first) = (dir.as_ref(), step_of(step.saturating_add(1))?);
        let mut board = Self::begin(dir, last_second(dir)?)?;
        // Events from this step on are void, says a session's start.
        let status = proto::START;
        board.append(first, What::SessionLog(SessionLog { status }))?;
        Ok(board)
    }

    /// An event file that sorts behind those of second `last`: TensorBoard reads by name.
    fn begin(dir: &Path, last: Option<u64>) -> Result<Self, MetricsError> {
        let after = last.map_or(Some(0), |last| last.checked_add(1));
        let after = after.ok_or_else(|| {
            let reason = "an event file in it has the last number that there is; move that away";
            error(dir, "begin an event file in", io::Error::other(reason))
        })?;
        let second = (now() as u64).max(after);
        let name = format!(
            "events.out.tfevents.{second:010}.sam-train.{}",
            process::id()
        );
        let file = AppendFile::create(&dir.join(name))?;
        let mut board = Self { file };
        board.append(0, What::FileVersion("brain.Event:2".into()))?;
        Ok(board)
    }

    fn append(&mut self, step: i64, what: What) -> Result<(), MetricsError> {
        let event = Event {
            wall_time: now(),
            step,
            what: Some(what),
        };
        self.file.append(&frame::frame(&event.encode_to_vec()))
    }

    /// The event file.
    pub fn path(&self) -> PathBuf {
        self.file.path().into()
    }
}

impl Sink for TensorBoard {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        record.check()?;
        let step = step_of(record.step)?;
        let values = record.values().map(|(name, value)| Value {
            tag: format!("{}/{name}", record.split),
            simple_value: Some(value as f32),
        });
        let values = values.collect();
        self.append(step, What::Summary(Summary { values }))
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        self.file.sync()
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

fn step_of(step: u64) -> Result<i64, MetricsError> {
    step.try_into().map_err(|_| MetricsError::Step {
        step,
        limit: i64::MAX as u64,
    })
}

/// The latest second in the names of the event files in `dir`; `None` where there are none.
fn last_second(dir: &Path) -> Result<Option<u64>, MetricsError> {
    let failed = |reason| error(dir, "read", reason);
    make_folder(dir).map_err(failed)?;
    let mut last = None;
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        // All that TensorBoard asks of a name.
        if let Some((_, rest)) = name.split_once("tfevents") {
            let digits = rest.trim_start_matches('.').split('.').next();
            let second = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            last = last.max(Some(second));
        }
    }
    Ok(last)
}
