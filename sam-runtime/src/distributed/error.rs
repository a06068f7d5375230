use std::{error::Error, fmt};

/// Why ranks can't go on together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Another rank has ended, by an error or a panic of its own, or because it had less to do.
    #[error("rank {rank} has ended while this one waits for it")]
    Ended {
        /// Which one.
        rank: usize,
    },
    /// Ranks have called methods that don't fit together.
    #[error(
        "the ranks don't say the same things: {expected} bytes are wanted here, and {found} came; all ranks must \
         do the same steps, in the same order, on models of the same shape"
    )]
    Lengths {
        /// Bytes of this rank.
        expected: usize,
        /// Bytes of another one.
        found: usize,
    },
    /// The ranks have weights that differ; see [`check`](super::check).
    #[error(
        "rank {rank} has other weights than rank 0: every update must be by the mean of all ranks' gradients, and \
         all ranks must begin with the same weights (`sync_model`)"
    )]
    Drift {
        /// The first one that differs.
        rank: usize,
    },
    /// The mean of the ranks' gradients is not finite.
    #[error(
        "the mean of the ranks' gradients is not finite; nothing was updated. Lower the learning rate, look for NaN in \
         the data, or leave such batches out with `nonfinite = \"skip\"`"
    )]
    NonFinite,
    /// The library that carries what they say has failed.
    #[error("the ranks can't hear each other: {0}")]
    Library(String),
    /// The ranks have not found each other, or are not of one job.
    #[error("the ranks have not met: {0}")]
    NotMet(String),
    /// Numbers of this type can't be summed over ranks.
    #[error("gradients of type {dtype} can't be summed over ranks; those of f32 and f64 can")]
    Unsupported {
        /// The element type of the model.
        dtype: &'static str,
    },
    /// The device can't read or write its memory.
    #[error("the device failed: {0}")]
    Device(String),
}

impl WorldError {
    pub(super) fn device(error: impl fmt::Debug) -> Self {
        Self::Device(format!("{error:?}"))
    }

    /// [`Lengths`](Self::Lengths) unless both are the same.
    pub(super) fn check_lengths(expected: usize, found: usize) -> Result<(), Self> {
        match expected == found {
            true => Ok(()),
            false => Err(Self::Lengths { expected, found }),
        }
    }
}

/// The error of one of several ranks.
#[derive(Debug)]
pub struct RankError<E> {
    /// Which one.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// Its error; `None` if it has panicked.
    pub error: Option<E>,
}

impl<E: fmt::Display> fmt::Display for RankError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => write!(f, " has panicked"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for RankError<E> {}
