use std::cell::{Cell, RefCell};

use dfdx::{prelude::*, tensor::Gradients};

use super::Chunks;
use crate::step::{Failure, Found, LazyLoss, Part, Settings, Step, StepError, clip};

/// What the optimizer trains: dfdx's `TensorCollection`, whose clone shares its weights.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model that SAM can perturb",
    label = "trained by `update`",
    note = "a model is a dfdx `TensorCollection` that is `Clone`; add `#[derive(Clone)]` to a model of your own, and a `Clone` bound to a generic one",
    note = "a type that says how to build a network, such as `Linear<4, 2>`, is none: the model is `Built<Linear<4, 2>>`, of `sam_runtime::prelude`",
    note = "see `errors/not-a-model` in sam-train's guide"
)]
pub trait Model<E: Dtype, D: Device<E>>: TensorCollection<E, D> + Clone {}

impl<M: TensorCollection<E, D> + Clone, E: Dtype, D: Device<E>> Model<E, D> for M {}

/// Checks that the `update` that the attribute found is that of an optimizer of this model.
pub fn optimizes<M, E: Dtype, D: Device<E>, O: OptimizerOf<M, D, E> + ?Sized>(
    _: &Driver<'_, M, E, D>,
    _: &O,
) {
}

/// Says what the type of a loss is, before `backward` does.
pub fn is_loss<L: Backward<E, D>, M, E: Dtype, D: Device<E>>(_: &L, _: &Driver<'_, M, E, D>) {}

/// What takes the step: a dfdx optimizer of this model.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer of `{M}`",
    label = "`update` is called on this",
    note = "its first type is the model's, as in `Sgd<Built<Net>, f32, Cpu>`; implement dfdx's `Optimizer` for one of your own; where `update` trains nothing, name the model with `model = ..`",
    note = "see `errors/not-an-optimizer` in sam-train's guide"
)]
pub trait OptimizerOf<M, D: Storage<E>, E: Dtype> {}

#[diagnostic::do_not_recommend]
impl<O: Optimizer<M, D, E> + ?Sized, M, D: Storage<E>, E: Dtype> OptimizerOf<M, D, E> for O {}

/// A step whose methods ask nothing of the model: what a model must be is asked once, where the
/// step begins, and so refused once. They take `&self`, so that a closure of the user's may hold one.
/// A batch that is not cut is one chunk, number 0.
pub struct Driver<'a, M, E: Dtype, D: Device<E>> {
    step: RefCell<Box<dyn Drive<M, E, D> + 'a>>,
    /// The chunk whose loss is noted.
    chunk: Cell<usize>,
    /// Set where the step is that of one chunk of several, which has number 0 there: the gradients that it took.
    passes: Option<Cell<usize>>,
    begin_part: BeginPart<'a, M, E, D>,
}

/// Begins the step of one chunk, beside a copy of the model.
type BeginPart<'a, M, E, D> = fn(Part<M, E, D>, &M) -> Driver<'a, M, E, D>;

/// What the step of a chunk begins with, and how.
pub(super) type Begin<'a, M, E, D> = (Part<M, E, D>, M, BeginPart<'a, M, E, D>);

trait Drive<M, E: Dtype, D: Device<E>> {
    fn cut(&mut self, rows: &[usize]);
    fn begin_on_share(&mut self, share: f64) -> bool;
    fn give_up(&mut self, model: &mut M);
    fn keep(&mut self, start: Gradients<E, D>);
    fn start(&mut self, start: Gradients<E, D>) -> Gradients<E, D>;
    fn clean_start(&mut self) -> Gradients<E, D>;
    fn mark(&mut self, line: usize, chunk: usize);
    fn mark_again(&mut self);
    fn go_on(&mut self);
    fn meet(&mut self, device: &D);
    fn rewind(&mut self, line: usize, chunk: usize);
    fn copied(&self, model: &M) -> M;
    fn carried(&mut self, current: &M, found: M) -> M;
    fn chunk_model(&mut self, model: &M, chunk: usize) -> M;
    fn advanced(&mut self, model: &M, chunk: usize);
    fn write_back(&mut self, model: &mut M);
    fn note_loss(&mut self, loss: LazyLoss, chunk: usize, perturbed: bool);
    fn climb(&mut self, gradients: Gradients<E, D>, chunk: usize) -> Option<M>;
    fn again(&mut self) -> Gradients<E, D>;
    fn absorb(&mut self, model: &M, gradients: Gradients<E, D>, chunk: usize) -> Option<M>;
    fn fail_backward(&mut self, error: D::Err);
    fn finish(&mut self, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>>;
    fn part(&mut self, number: usize) -> Option<(Part<M, E, D>, M)>;
    fn join(&mut self, number: usize, found: Found<M, E, D>);
    fn left(&mut self) -> Option<M>;
    fn spare(&mut self) -> Gradients<E, D>;
    fn end_in(&mut self, memory: Gradients<E, D>);
    fn wake(&mut self);
    fn rest(&mut self);
    fn found(self: Box<Self>, passes: usize) -> Found<M, E, D>;
    fn devices(&self) -> Vec<D>;
    fn refuse(&mut self, error: StepError);
}

macro_rules! drive {
    ($(fn $name:ident(&mut self $(, $arg:ident: $ty:ty)*) $(-> $out:ty)?;)*) => {
        $(fn $name(&mut self $(, $arg: $ty)*) $(-> $out)? {
            Step::$name(self $(, $arg)*)
        })*
    };
}

impl<M: Model<E, D>, E: Dtype, D: Device<E>> Drive<M, E, D> for Step<M, E, D> {
    drive! {
        fn cut(&mut self, rows: &[usize]);
        fn begin_on_share(&mut self, share: f64) -> bool;
        fn give_up(&mut self, model: &mut M);
        fn keep(&mut self, start: Gradients<E, D>);
        fn start(&mut self, start: Gradients<E, D>) -> Gradients<E, D>;
        fn clean_start(&mut self) -> Gradients<E, D>;
        fn mark(&mut self, line: usize, chunk: usize);
        fn mark_again(&mut self);
        fn go_on(&mut self);
        fn meet(&mut self, device: &D);
        fn rewind(&mut self, line: usize, chunk: usize);
        fn carried(&mut self, current: &M, found: M) -> M;
        fn chunk_model(&mut self, model: &M, chunk: usize) -> M;
        fn advanced(&mut self, model: &M, chunk: usize);
        fn write_back(&mut self, model: &mut M);
        fn note_loss(&mut self, loss: LazyLoss, chunk: usize, perturbed: bool);
        fn climb(&mut self, gradients: Gradients<E, D>, chunk: usize) -> Option<M>;
        fn again(&mut self) -> Gradients<E, D>;
        fn absorb(&mut self, model: &M, gradients: Gradients<E, D>, chunk: usize) -> Option<M>;
        fn fail_backward(&mut self, error: D::Err);
        fn finish(&mut self, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>>;
        fn join(&mut self, number: usize, found: Found<M, E, D>);
        fn left(&mut self) -> Option<M>;
        fn spare(&mut self) -> Gradients<E, D>;
        fn end_in(&mut self, memory: Gradients<E, D>);
        fn wake(&mut self);
        fn rest(&mut self);
        fn refuse(&mut self, error: StepError);
    }

    fn copied(&self, model: &M) -> M {
        Step::copied(self, model)
    }

    fn part(&mut self, number: usize) -> Option<(Part<M, E, D>, M)> {
        Some((Step::part(self, number)?, self.base()?))
    }

    fn found(self: Box<Self>, passes: usize) -> Found<M, E, D> {
        Step::found(*self, passes)
    }

    fn devices(&self) -> Vec<D> {
        Step::devices(self).to_vec()
    }
}

/// Gradients for an update, within the settings' bounds.
pub fn bounded<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &M,
    gradients: &Gradients<E, D>,
    settings: Settings,
) -> Result<Gradients<E, D>, StepError> {
    let mut gradients = gradients.clone();
    clip(model, &mut gradients, settings.clip)?;
    Ok(gradients)
}

/// Begins a step on `model`.
pub fn begin<'a, M: Model<E, D> + 'a, E: Dtype, D: Device<E>>(
    model: &M,
    settings: Settings,
    site: &'static str,
) -> Driver<'a, M, E, D> {
    Driver {
        step: RefCell::new(Box::new(Step::begin(model, M::clone, settings, site))),
        chunk: Cell::new(0),
        passes: None,
        begin_part,
    }
}

/// Begins the step of one chunk.
fn begin_part<'a, M: Model<E, D> + 'a, E: Dtype, D: Device<E>>(
    part: Part<M, E, D>,
    model: &M,
) -> Driver<'a, M, E, D> {
    Driver {
        step: RefCell::new(Box::new(part.begin(model))),
        chunk: Cell::new(0),
        passes: Some(Cell::new(1)),
        begin_part,
    }
}

impl<M, E: Dtype, D: Device<E>> Driver<'_, M, E, D> {
    /// Cuts the batch into these chunks; a batch without samples has none.
    pub fn cut<C, R>(&self, chunks: &Chunks<C, R>) -> Result<(), StepError> {
        if chunks.rows.is_empty() {
            return Err(StepError::Empty);
        }
        let mut step = self.step.borrow_mut();
        step.cut(&chunks.rows);
        let first: usize = chunks.rows.iter().sum();
        if first < chunks.whole {
            step.begin_on_share(first as f64 / chunks.whole as f64);
        }
        Ok(())
    }

    /// Gives the buffers of the model back as they were, before an error leaves the function.
    pub fn give_up(&self, model: &mut M) {
        self.step.borrow_mut().give_up(model);
    }

    /// The gradients of a tape of the clean pass, in the place of the user's, which are kept.
    pub fn start(&self, start: Gradients<E, D>) -> Gradients<E, D> {
        self.step.borrow_mut().start(start)
    }

    /// Keeps the gradients that the loop starts from.
    pub fn keep(&self, start: Gradients<E, D>) {
        self.step.borrow_mut().keep(start);
    }

    /// Keeps them, where the variable must not be moved out of.
    pub fn take(&self, start: &mut Gradients<E, D>) {
        self.keep(std::mem::replace(start, Gradients::leaky()));
    }

    /// What `backward` gives, of the model's type and device.
    #[allow(clippy::unused_self)]
    pub fn taken(&self, gradients: Gradients<E, D>) -> Gradients<E, D> {
        gradients
    }

    /// The gradients of the tape of a chunk's clean pass.
    pub fn chunk_start(&self) -> Gradients<E, D> {
        self.step.borrow_mut().clean_start()
    }

    /// Before a line of the slice runs on a chunk.
    pub fn mark(&self, line: usize, chunk: usize) {
        self.step.borrow_mut().mark(line, self.number(chunk));
    }

    /// Behind the input of a site, which may have drawn random numbers.
    pub fn mark_again(&self) {
        self.step.borrow_mut().mark_again();
    }

    /// Behind a line of the slice that has run on all chunks.
    pub fn go_on(&self) {
        self.step.borrow_mut().go_on();
    }

    /// A device that the slice may draw from, if it is of the model's kind.
    pub fn meet<D2: 'static>(&self, device: &D2) {
        if let Some(device) = (device as &dyn std::any::Any).downcast_ref::<D>() {
            self.step.borrow_mut().meet(device);
        }
    }

    /// Before a line of the slice runs again on a chunk.
    pub fn rewind(&self, line: usize, chunk: usize) {
        self.step.borrow_mut().rewind(line, self.number(chunk));
    }

    /// A copy of the model that shares its weights.
    pub fn copied(&self, model: &M) -> M {
        self.step.borrow().copied(model)
    }

    /// The model as a line found it, at the perturbed weights.
    pub fn carried(&self, current: &M, found: &M) -> M {
        let found = self.copied(found);
        self.step.borrow_mut().carried(current, found)
    }

    /// The model for a chunk's clean pass.
    pub fn chunk_model(&self, model: &M, chunk: usize) -> M {
        self.step
            .borrow_mut()
            .chunk_model(model, self.number(chunk))
    }

    /// Keeps the model that a chunk's clean pass has left.
    pub fn advanced(&self, model: &M, chunk: usize) {
        self.step.borrow_mut().advanced(model, self.number(chunk));
    }

    /// Writes the chunks' buffers into the user's model.
    pub fn write_back(&self, model: &mut M) {
        self.step.borrow_mut().write_back(model);
    }

    /// The chunk whose loss is noted next.
    pub fn at_chunk(&self, chunk: usize) {
        self.chunk.set(self.number(chunk));
    }

    /// Notes the loss of a pass.
    pub(super) fn note_loss(&self, loss: LazyLoss, perturbed: bool) {
        let chunk = self.chunk.get();
        self.step.borrow_mut().note_loss(loss, chunk, perturbed);
    }

    /// From a chunk's clean gradient to the perturbed model.
    pub fn climb(&self, gradients: Gradients<E, D>, chunk: usize) -> Option<M> {
        self.step.borrow_mut().climb(gradients, self.number(chunk))
    }

    /// The gradients of the tape of the replay.
    pub fn again(&self) -> Gradients<E, D> {
        self.step.borrow_mut().again()
    }

    /// Takes the gradient of a chunk's replay, and the model that it ran on.
    /// The model of one more pass, if there is one.
    pub fn absorb(&self, model: &M, gradients: Gradients<E, D>, chunk: usize) -> Option<M> {
        if let Some(passes) = &self.passes {
            passes.set(passes.get() + 1);
        }
        let chunk = self.number(chunk);
        self.step.borrow_mut().absorb(model, gradients, chunk)
    }

    fn number(&self, chunk: usize) -> usize {
        match self.passes {
            Some(_) => 0,
            None => chunk,
        }
    }

    /// Ends the step with an error of the user's `try_backward`.
    pub fn fail_backward(&self, error: D::Err) {
        self.step.borrow_mut().fail_backward(error);
    }

    /// Ends the step.
    pub fn finish(&self) -> Result<Gradients<E, D>, Failure<D::Err>> {
        self.step.borrow_mut().finish(None)
    }

    /// Ends the step; a batch that is left out leaves no trace in the buffers of `model`.
    pub fn finish_with(&self, model: &mut M) -> Result<Gradients<E, D>, Failure<D::Err>> {
        self.step.borrow_mut().finish(Some(model))
    }
}

/// Of chunks that run at once: see [`Lanes`](super::Lanes).
impl<'a, M, E: Dtype, D: Device<E>> Driver<'a, M, E, D> {
    /// What the step of a chunk begins with, and how; `None` where the step has failed.
    pub(super) fn part(&self, number: usize) -> Option<Begin<'a, M, E, D>> {
        let (part, model) = self.step.borrow_mut().part(number)?;
        Some((part, model, self.begin_part))
    }

    /// The model that the clean pass of a chunk has left so far.
    pub(super) fn left(&self) -> Option<M> {
        self.step.borrow_mut().left()
    }

    /// Memory for the gradient of a chunk.
    pub(super) fn spare(&self) -> Gradients<E, D> {
        self.step.borrow_mut().spare()
    }

    /// Where the step of a chunk puts its gradient.
    pub(super) fn end_in(&self, memory: Gradients<E, D>) {
        self.step.borrow_mut().end_in(memory);
    }

    /// Before a line runs on a chunk, on its thread.
    pub(super) fn wake(&self) {
        self.step.borrow_mut().wake();
    }

    /// Behind the line.
    pub(super) fn rest(&self) {
        self.step.borrow_mut().rest();
    }

    /// Ends the step of a chunk.
    pub(super) fn found(self) -> Found<M, E, D> {
        let passes = self.passes.map_or(0, Cell::into_inner);
        self.step.into_inner().found(passes)
    }

    /// Joins what the step of a chunk has found.
    pub(super) fn join(&self, number: usize, found: Found<M, E, D>) {
        self.step.borrow_mut().join(number, found);
    }

    /// The devices that the slice may draw from, as far as they are known.
    pub(super) fn devices(&self) -> Vec<D> {
        self.step.borrow().devices()
    }

    /// Ends the step with this error.
    pub(super) fn refuse(&self, error: StepError) {
        self.step.borrow_mut().refuse(error);
    }
}
