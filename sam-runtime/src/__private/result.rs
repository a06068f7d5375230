use std::marker::PhantomData;

use crate::step::{Failure, StepError};

/// The result of a step as `try_backward` gives it, or an error that is SAM's own.
pub fn as_backward<G, Err>(result: Result<G, Failure<Err>>) -> Result<Result<G, Err>, StepError> {
    match result {
        Ok(gradients) => Ok(Ok(gradients)),
        Err(Failure::Device(error)) => Ok(Err(error)),
        Err(Failure::Step(error)) => Err(error),
    }
}

/// The result of a step as `backward` gives it.
pub fn as_step<G, Err: std::fmt::Display>(result: Result<G, Failure<Err>>) -> Result<G, StepError> {
    result.map_err(StepError::from)
}

/// Panics with a step's error.
#[track_caller]
pub fn panic(error: StepError) -> ! {
    panic!("{error}")
}

/// The return type of the function under the attribute.
pub struct Returns<R>(PhantomData<R>);

impl<R> Returns<R> {
    /// Of type `R`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// First choice: the function's error type takes a [`StepError`].
pub trait RaiseByFrom {
    /// The function's return type.
    type Return;
    /// What the function returns.
    fn __sam_raise(&self, error: StepError) -> Self::Return;
}

impl<T, Err: From<StepError>> RaiseByFrom for &Returns<Result<T, Err>> {
    type Return = Result<T, Err>;

    fn __sam_raise(&self, error: StepError) -> Self::Return {
        Err(error.into())
    }
}

/// Otherwise: a panic.
pub trait RaiseByPanic {
    /// The function's return type.
    type Return;
    /// Panics.
    fn __sam_raise(&self, error: StepError) -> Self::Return;
}

impl<R> RaiseByPanic for Returns<R> {
    type Return = R;

    #[track_caller]
    fn __sam_raise(&self, error: StepError) -> R {
        panic!("{error}")
    }
}

/// The replay has come to where the clean pass had not been.
#[cold]
pub fn missing() -> ! {
    panic!(
        "the second pass of a SAM step took another way than the first: a choice before the forward pass \
         depends on something that has changed in between"
    )
}
