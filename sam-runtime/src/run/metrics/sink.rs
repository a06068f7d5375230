//! Where records go.

use super::{MetricsError, Record};

/// A place that keeps records, such as a file.
///
/// ```
/// use sam_runtime::run::metrics::{MetricsError, Record, Sink};
///
/// /// Keeps the largest loss.
/// struct Worst(f64);
///
/// impl Sink for Worst {
///     fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
///         self.0 = self.0.max(record.get("loss").unwrap_or(f64::NEG_INFINITY));
///         Ok(())
///     }
///
///     fn flush(&mut self) -> Result<(), MetricsError> {
///         Ok(())
///     }
/// }
///
/// let mut worst = Worst(f64::NEG_INFINITY);
/// for loss in [1.0, 3.0, 2.0] {
///     worst.write(&Record::new(1, 0.1, "train").with("loss", loss))?;
/// }
/// assert_eq!(worst.0, 3.0);
/// # Ok::<(), MetricsError>(())
/// ```
pub trait Sink {
    /// Takes one record. What is written survives the end of this process, however it ends.
    ///
    /// # Errors
    /// See [`MetricsError`]. A record that could not be written whole is not written at all.
    fn write(&mut self, record: &Record) -> Result<(), MetricsError>;

    /// Waits until what was written is on the disk, where it survives the end of the machine. Takes
    /// milliseconds: once an epoch, or before a checkpoint.
    ///
    /// # Errors
    /// See [`MetricsError`].
    fn flush(&mut self) -> Result<(), MetricsError>;
}

/// Records in memory.
impl Sink for Vec<Record> {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        self.push(record.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        (**self).write(record)
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        (**self).flush()
    }
}

/// Several sinks as one.
///
/// ```
/// use sam_runtime::run::metrics::{Record, Sink, Sinks};
///
/// let mut kept = Vec::new();
/// let mut sinks = Sinks::new().and(&mut kept);
/// sinks.write(&Record::new(1, 0.1, "train").with("loss", 2.0))?;
/// drop(sinks);
/// assert_eq!(kept[0].get("loss"), Some(2.0));
/// # Ok::<(), sam_runtime::run::metrics::MetricsError>(())
/// ```
#[derive(Default)]
pub struct Sinks<'a>(Vec<Box<dyn Sink + Send + 'a>>);

impl<'a> Sinks<'a> {
    /// No sinks: records go nowhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and one more.
    pub fn and(mut self, sink: impl Sink + Send + 'a) -> Self {
        self.0.push(Box::new(sink));
        self
    }

    /// Every sink has its turn, also where one before it fails; then the first error.
    fn each(
        &mut self,
        act: impl Fn(&mut dyn Sink) -> Result<(), MetricsError>,
    ) -> Result<(), MetricsError> {
        let results = self.0.iter_mut().map(|sink| act(&mut **sink));
        results.fold(Ok(()), Result::and)
    }
}

impl Sink for Sinks<'_> {
    fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        self.each(|sink| sink.write(record))
    }

    fn flush(&mut self) -> Result<(), MetricsError> {
        self.each(|sink| sink.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses everything, with its number.
    struct Refuses(u64);

    impl Sink for Refuses {
        fn write(&mut self, _: &Record) -> Result<(), MetricsError> {
            let (step, limit) = (self.0, 0);
            Err(MetricsError::Step { step, limit })
        }

        fn flush(&mut self) -> Result<(), MetricsError> {
            self.write(&Record::new(0, 0.0, ""))
        }
    }

    #[test]
    fn a_failing_sink_does_not_keep_others_from_a_record() {
        let record = Record::new(1, 0.1, "train").with("loss", 2.0);
        let (mut first, mut last) = (Vec::new(), Vec::new());
        let mut sinks = Sinks::new().and(&mut first).and(Refuses(7));
        sinks = sinks.and(Refuses(8)).and(&mut last);
        for result in [sinks.write(&record), sinks.flush()] {
            assert!(matches!(result, Err(MetricsError::Step { step: 7, .. })));
        }
        drop(sinks);
        assert_eq!(first, std::slice::from_ref(&record));
        assert_eq!(last, [record]);
    }
}
