use std::fmt;

/// Why a SAM step gave no gradient. The model is as it was before the step.
///
/// Implement `From<StepError>` for the error type of a function under `#[sam_train]`, and a
/// function that uses `?` returns it; where that is not possible, the step panics with this text.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// A gradient has an element that is NaN or infinite. On a GPU, where looking means waiting, such a batch
    /// is left out at once, and the error comes with a later step: after a report was read, or after 100
    /// steps.
    #[error(
        "the {pass} gradient of this batch is not finite (its norm is {norm}); nothing was updated. \
         Lower the learning rate or rho, look for NaN in the data, or leave such batches out with \
         `nonfinite = \"skip\"`"
    )]
    NonFinite {
        /// At which weights.
        pass: Pass,
        /// The norm that was found: NaN or infinite.
        norm: f64,
    },
    /// rho is negative, NaN or infinite.
    #[error("rho must be finite and not negative, and is {0}")]
    Rho(f64),
    /// The method, or when it is asked, was given a number that can't be.
    #[error("the method of this step can't be used: {0}")]
    Method(String),
    /// A bound of the gradient is not above 0, or not finite.
    #[error("a gradient is clipped to a finite bound above 0, not to {0}")]
    Clip(f64),
    /// A value that is cut into chunks has another first dimension than the batch.
    #[error(
        "a value with {found} rows can't be cut into chunks beside a batch of {expected}; \
         name what is to be cut with `split = [..]`"
    )]
    Rows {
        /// Rows of the batch.
        expected: usize,
        /// Rows of the value.
        found: usize,
    },
    /// The perturbed pass ran on the user's own model, past the perturbed copy: the forward pass reaches these
    /// parameters by another name than the one that `update` trains.
    #[error(
        "the perturbed pass did not reach {}: their gradients came from the weights themselves, so this step \
         would not be SAM's; call the model by the name that `update` gives it, as in `model.forward_mut(..)`; \
         see `errors/not-perturbed` in sam-train's guide",
        .parameters.join(", ")
    )]
    NotPerturbed {
        /// The parameters that were not perturbed, by dfdx's names.
        parameters: Vec<String>,
    },
    /// A chunk drew random numbers from a device that others share, while they ran at once: which numbers it got, their
    /// threads decided. See [`ParallelSam`](super::ParallelSam).
    #[error(
        "a chunk drew random numbers from a device that others share, and they ran at once; draw from the device of the \
         chunk's own tensors, as in `x.device()`, or take the chunks one after the other, without `parallel()`"
    )]
    SharedGenerator,
    /// The batch has no samples.
    #[error("the batch is empty")]
    Empty,
    /// No kernels for this element type on this device.
    #[error(
        "SAM can't run on {device} with elements of type {dtype}; it can with f32 and f64 on Cpu, and on Cuda \
         where sam-runtime has its feature `cuda`"
    )]
    Unsupported {
        /// The element type of the model.
        dtype: &'static str,
        /// The device of the model.
        device: &'static str,
    },
    /// The ranks that train this model can't go on together; see [`WorldError`](crate::distributed::WorldError).
    #[error("{0}")]
    Ranks(String),
    /// The device failed, as when its memory is full.
    #[error("the device failed during a SAM step: {0}")]
    Device(String),
}

crate::debug::debug_as_display!(StepError);

impl StepError {
    /// The device's error, or that of the user's `try_backward`.
    pub(crate) fn device(error: impl fmt::Display) -> Self {
        Self::Device(error.to_string())
    }

    pub(super) fn unsupported<E, D>() -> Self {
        Self::Unsupported {
            dtype: std::any::type_name::<E>(),
            device: std::any::type_name::<D>(),
        }
    }
}

/// One of the two passes of a SAM step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// At the weights `w`.
    Clean,
    /// At `w + e`.
    Perturbed,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::Perturbed => "perturbed",
        })
    }
}

/// A failure inside a step, with the device's error still in its own type.
#[derive(Debug)]
pub enum Failure<Err> {
    /// Of the step.
    Step(StepError),
    /// Of the device, or of the user's `try_backward`.
    Device(Err),
}

impl<Err: fmt::Display> From<Failure<Err>> for StepError {
    fn from(failure: Failure<Err>) -> Self {
        match failure {
            Failure::Step(error) => error,
            Failure::Device(error) => Self::Device(error.to_string()),
        }
    }
}

impl<Err> From<StepError> for Failure<Err> {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}
