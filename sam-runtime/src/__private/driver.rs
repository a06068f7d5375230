use std::marker::PhantomData;

use dfdx::{prelude::*, tensor::Gradients};

use super::Chunks;
use crate::step::{
    Failure, Settings,
    machine::{Pass, Step},
};

/// What the optimizer trains: dfdx's `TensorCollection`, whose clone shares its weights.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model that SAM can perturb",
    label = "trained by `update`",
    note = "a model is a dfdx `TensorCollection` that is `Clone`; add `#[derive(Clone)]` to a model of your own, and a `Clone` bound to a generic one",
    note = "a type that says how to build a network, such as `Linear<4, 2>`, is none: the model is `<Linear<4, 2> as BuildOnDevice<Cpu, f32>>::Built`",
    note = "see `errors/not-a-model` in sam-train's guide"
)]
pub trait Model<E: Dtype, D: Device<E>>: TensorCollection<E, D> + Clone {}

impl<M: TensorCollection<E, D> + Clone, E: Dtype, D: Device<E>> Model<E, D> for M {}

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
    note = "implement dfdx's `Optimizer` for an optimizer of your own, or name the model with `model = ..`",
    note = "see `errors/not-an-optimizer` in sam-train's guide"
)]
pub trait BaseOptimizer<M, D: Storage<E>, E: Dtype> {}

impl<O: Optimizer<M, D, E> + ?Sized, M, D: Storage<E>, E: Dtype> BaseOptimizer<M, D, E> for O {}

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
