//! What `#[sam_train]` expands to calls of. Not for users: it changes without notice.

use std::marker::PhantomData;

use dfdx::prelude::*;

pub use dfdx::tensor::Gradients;

pub use crate::step::{Batch, Settings, SplitBatch, machine::Pass};
use crate::{
    device::{Fork, Norm},
    step::{
        Failure, Join, NonFinite, Observe, Replicate, StepError, chunk_rows, machine::Step,
        split_beside,
    },
};

/// The settings that the attribute's keys spell.
pub const fn settings(rho: f64, norm_p: f64, skip_nonfinite: bool) -> Settings {
    let nonfinite = if skip_nonfinite {
        NonFinite::Skip
    } else {
        NonFinite::Error
    };
    Settings {
        rho,
        norm: Norm::from_p(norm_p),
        nonfinite,
    }
}

/// What the optimizer trains: dfdx's `TensorCollection`, whose clone shares its weights.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model that SAM can perturb",
    label = "trained by `update`",
    note = "a model is a dfdx `TensorCollection` that is `Clone`; add `#[derive(Clone)]` to a model of your own, and a `Clone` bound to a generic one"
)]
pub trait Model<E: Dtype, D: Device<E>>: TensorCollection<E, D> + Clone {}

impl<M: TensorCollection<E, D> + Clone, E: Dtype, D: Device<E>> Model<E, D> for M {}

/// A step whose methods ask nothing of the model: what a model must be is asked once, where the
/// step begins, and so refused once.
pub struct Driver<'a, M, E: Dtype, D: Device<E>>(Box<dyn Drive<M, E, D> + 'a>);

trait Drive<M, E: Dtype, D: Device<E>> {
    fn next_pass(&mut self) -> Option<Pass<M, E, D>>;
    fn absorb(&mut self, pass: Pass<M, E, D>, model: &M, gradients: Gradients<E, D>);
    fn fail_backward(&mut self, error: D::Err);
    fn is_observed(&self) -> bool;
    fn finish(self: Box<Self>, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>>;
}

impl<M: Model<E, D>, E: Dtype, D: Device<E>> Drive<M, E, D> for Step<M, E, D> {
    fn next_pass(&mut self) -> Option<Pass<M, E, D>> {
        Step::next_pass(self)
    }

    fn absorb(&mut self, pass: Pass<M, E, D>, model: &M, gradients: Gradients<E, D>) {
        Step::absorb(self, pass, model, gradients);
    }

    fn fail_backward(&mut self, error: D::Err) {
        Step::fail_backward(self, error);
    }

    fn is_observed(&self) -> bool {
        Step::is_observed(self)
    }

    fn finish(self: Box<Self>, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>> {
        Step::finish(*self, model)
    }
}

impl<M, E: Dtype, D: Device<E>> Driver<'_, M, E, D> {
    /// The next pass to run.
    pub fn next_pass(&mut self) -> Option<Pass<M, E, D>> {
        self.0.next_pass()
    }

    /// Takes the gradient of a pass, and the copy of the model that it ran on.
    pub fn absorb(&mut self, pass: Pass<M, E, D>, model: &M, gradients: Gradients<E, D>) {
        self.0.absorb(pass, model, gradients);
    }

    /// Ends the step with an error of the user's `try_backward`.
    pub fn fail_backward(&mut self, error: D::Err) {
        self.0.fail_backward(error);
    }

    /// Whether the observers have something to see.
    pub fn is_observed(&self) -> bool {
        self.0.is_observed()
    }

    /// Ends the step and writes the buffers into `model`, if it can be written to.
    pub fn finish(self, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>> {
        self.0.finish(model)
    }

    /// The types of the gradients.
    pub fn types(&self) -> PhantomData<Gradients<E, D>> {
        PhantomData
    }
}

/// Begins a step over a batch in one piece.
pub fn begin<'a, M: Model<E, D> + 'a, E: Dtype, D: Device<E>>(
    model: &M,
    start: Gradients<E, D>,
    settings: Settings,
) -> Driver<'a, M, E, D> {
    Driver(Box::new(Step::begin(model, start, settings, &[1])))
}

/// Begins a step over a batch in chunks.
pub fn begin_chunked<'a, M: Model<E, D> + 'a, E: Dtype, D: Device<E>, C, R>(
    model: &M,
    start: Gradients<E, D>,
    settings: Settings,
    chunks: &Chunks<C, R>,
) -> Driver<'a, M, E, D> {
    Driver(Box::new(Step::begin(model, start, settings, &chunks.rows)))
}

/// Checks that the `update` that the attribute found is that of an optimizer of this model.
pub fn optimizes<M, E: Dtype, D: Device<E>, O: BaseOptimizer<M, D, E> + ?Sized>(
    _: &M,
    _: &O,
    _: PhantomData<Gradients<E, D>>,
) {
}

/// What takes the step: a dfdx optimizer of this model.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer of `{M}`",
    label = "`update` is called on this",
    note = "implement dfdx's `Optimizer` for an optimizer of your own, or name the model with `model = ..`"
)]
pub trait BaseOptimizer<M, D: Storage<E>, E: Dtype> {}

impl<O: Optimizer<M, D, E> + ?Sized, M, D: Storage<E>, E: Dtype> BaseOptimizer<M, D, E> for O {}

/// The sizes of a batch's chunks, and the types of their first dimensions.
pub struct Chunks<C, R> {
    rows: Vec<usize>,
    types: PhantomData<(C, R)>,
}

/// The chunks of `M` samples of `batch`.
pub fn chunks<const M: usize, B: Batch<M>>(batch: &B) -> Chunks<B::ChunkRows, B::Rows> {
    Chunks {
        rows: chunk_rows(batch.rows().unwrap_or(0), M.max(1)),
        types: PhantomData,
    }
}

/// Cuts a value into the chunks of its batch.
pub fn split<const M: usize, T: SplitBatch<M>, C, R>(
    value: &T,
    chunks: &Chunks<C, R>,
) -> Result<Vec<T::Chunk>, StepError> {
    split_beside(value, &chunks.rows)
}

/// Refuses an `m` that is 0 or does not divide a static batch. Called in a constant, with the span
/// of the user's `m`, so that the compiler's error underlines it.
#[track_caller]
pub const fn assert_divides(batch: Option<usize>, m: usize) {
    assert!(m > 0, "`m` must be at least 1");
    if let Some(batch) = batch
        && !batch.is_multiple_of(m)
    {
        let mut text = [0; 128];
        let end = push(&mut text, 0, b"the batch of ");
        let end = push_number(&mut text, end, batch);
        let end = push(&mut text, end, b" samples is not a multiple of `m = ");
        let end = push_number(&mut text, end, m);
        let end = push(&mut text, end, b"`; choose an `m` that divides it");
        match core::str::from_utf8(text.split_at(end).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("`m` does not divide the batch"),
        }
    }
}

const fn push(text: &mut [u8; 128], mut end: usize, bytes: &[u8]) -> usize {
    let mut i = 0;
    while i < bytes.len() {
        text[end] = bytes[i];
        end += 1;
        i += 1;
    }
    end
}

const fn push_number(text: &mut [u8; 128], end: usize, number: usize) -> usize {
    let end = if number >= 10 {
        push_number(text, end, number / 10)
    } else {
        end
    };
    push(text, end, &[b'0' + (number % 10) as u8])
}

/// What an observer reads of the slice, collected from the clean passes.
pub struct Seen<T>(Vec<T>);

impl<T> Seen<T> {
    /// Nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds what was seen of one chunk.
    pub fn see(&mut self, value: T) {
        self.0.push(value);
    }

    /// What was seen of a batch in one piece.
    pub fn whole(mut self) -> T {
        self.0.pop().expect("the clean pass was run")
    }
}

/// What was seen of the chunks, joined.
pub fn join<T: Join<C, R>, C, R>(
    seen: Seen<T>,
    chunks: &Chunks<C, R>,
) -> Result<T::Joined, StepError> {
    let batch: usize = chunks.rows.iter().sum();
    let shares: Vec<f64> = chunks
        .rows
        .iter()
        .map(|&r| r as f64 / batch as f64)
        .collect();
    T::join(seen.0, &shares)
}

/// A value without its tape.
pub fn observe<T: Observe>(value: &T) -> T::Clean {
    value.observe()
}

/// Something to look at, through references that rank the traits below: the compiler takes the
/// first of them that the value's type has.
pub struct Look<'a, T: ?Sized>(pub &'a T);

/// First choice: what a reference, a `Box` or a guard holds.
pub trait Behind<'a> {
    /// What is held.
    type Held: ?Sized;
    /// A reference to it.
    fn __sam_owner(&self) -> &'a Self::Held;
}

impl<'a, T: std::ops::Deref + ?Sized> Behind<'a> for &Look<'a, T> {
    type Held = T::Target;

    fn __sam_owner(&self) -> &'a T::Target {
        self.0
    }
}

/// Otherwise: the value itself.
pub trait Itself<'a> {
    /// The value's type.
    type Held: ?Sized;
    /// A reference to it.
    fn __sam_owner(&self) -> &'a Self::Held;
}

impl<'a, T: ?Sized> Itself<'a> for Look<'a, T> {
    type Held = T;

    fn __sam_owner(&self) -> &'a T {
        self.0
    }
}

/// First choice: a copy on the pass's fork of the device.
pub trait ByFork {
    /// The copy's type.
    type Value;
    /// A copy for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> ByFork for &&Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// Second choice: a clone.
pub trait ByClone {
    /// The copy's type.
    type Value;
    /// A copy for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Clone> ByClone for &Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> T {
        self.0.clone()
    }
}

/// Third choice, for values that are only looked at: the value itself.
pub trait ByReference<'a> {
    /// The value's type.
    type Value;
    /// The value for a pass.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> &'a Self::Value;
}

impl<'a, T> ByReference<'a> for Look<'a, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> &'a T {
        self.0
    }
}

/// Third choice, for values that are used up: none. [`used_twice`] has refused the value, and one
/// error is enough.
pub trait ByNothing {
    /// The value's type.
    type Value;
    /// Never called.
    fn __sam_for_pass(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T> ByNothing for Look<'_, T> {
    type Value = T;

    fn __sam_for_pass(&self, _: Option<&Fork>) -> T {
        unreachable!("a value that is used up is `Clone`")
    }
}

/// A value that both passes consume.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is used up by the forward pass or the loss, which run twice, and is not `Clone`",
    label = "SAM needs a copy of this for each of its two passes",
    note = "make it `Clone`, borrow it, or make it before the forward pass"
)]
pub trait UsedTwice {}

impl<T: Clone> UsedTwice for T {}

/// Asks for [`UsedTwice`] with its error in the field's words.
pub fn used_twice<T: UsedTwice>(_: &T) {}

/// The traced input of a pass, owned also where the loop has a reference to it.
pub trait InputByFork {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> InputByFork for &&Look<'_, T> {
    type Value = T;

    fn __sam_input(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// The traced input behind a reference.
pub trait InputByReference {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Replicate> InputByReference for &Look<'_, &T> {
    type Value = T;

    fn __sam_input(&self, fork: Option<&Fork>) -> T {
        self.0.replicate(fork)
    }
}

/// A traced input of any other type.
pub trait InputByClone {
    /// The input's type.
    type Value;
    /// The input for a pass.
    fn __sam_input(&self, fork: Option<&Fork>) -> Self::Value;
}

impl<T: Clone> InputByClone for Look<'_, T> {
    type Value = T;

    fn __sam_input(&self, _: Option<&Fork>) -> T {
        self.0.clone()
    }
}

/// Notes a loss whose value can be read.
pub trait NoteLoss {
    /// Notes the loss for the report.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, pass: &mut Pass<M, E, D>);
}

impl<T: crate::step::LossValue> NoteLoss for &Look<'_, T> {
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, pass: &mut Pass<M, E, D>) {
        pass.note_loss(self.0.lazy());
    }
}

/// Passes over a loss of a type that is not known.
pub trait PassOverLoss {
    /// Does nothing.
    fn __sam_note<M, E: Dtype, D: Device<E>>(&self, _: &mut Pass<M, E, D>) {}
}

impl<T> PassOverLoss for Look<'_, T> {}

/// A step's result, if there is something for the observers to see or there are none.
pub fn observed<G, Err: std::fmt::Display>(
    is_observed: bool,
    result: Result<G, Failure<Err>>,
) -> Result<Result<G, Failure<Err>>, StepError> {
    match result {
        Err(failure) if !is_observed => Err(failure.into()),
        result => Ok(result),
    }
}

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
