//! What a method keeps from step to step: the numbers of steps, and its vectors. Kept per thread and model, and in
//! checkpoints.

use std::{any::Any, cell::RefCell, collections::BTreeMap};

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients};

use super::{methods::Method, tensors::parameter_ids};
use crate::{
    doors::{
        buffer::upload,
        walk::{Which, each_named},
    },
    named::download,
    optim::{State, StateError, checked},
};

/// What is kept of one model.
pub(super) struct Memory<E: Dtype, D: Device<E>> {
    ids: Vec<UniqueId>,
    /// What the method is called; empty before the first step.
    pub(super) method: String,
    /// Steps that have ended, those of the base optimizer among them.
    pub(super) steps: u64,
    /// Steps that the method has ended.
    pub(super) of_method: u64,
    /// For each chunk, its vectors.
    pub(super) vectors: Vec<Vec<Gradients<E, D>>>,
}

/// Models whose memory is kept; one more takes the place of the one that was trained longest ago.
const KEPT: usize = 64;

thread_local! {
    static MEMORIES: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

impl<E: Dtype, D: Device<E>> Memory<E, D> {
    /// Of a model that has not been trained.
    pub(super) fn new(ids: Vec<UniqueId>) -> Self {
        Self {
            ids,
            method: String::new(),
            steps: 0,
            of_method: 0,
            vectors: Vec::new(),
        }
    }

    /// Takes the memory of the model with these parameters.
    pub(super) fn take(ids: &[UniqueId]) -> Self {
        let kept = MEMORIES.with_borrow_mut(|memories| {
            let is_ours = |memory: &Box<dyn Any>| {
                memory
                    .downcast_ref::<Self>()
                    .is_some_and(|memory| memory.ids == ids)
            };
            let at = memories.iter().position(is_ours);
            at.map(|at| memories.remove(at))
        });
        match kept.map(|memory| memory.downcast::<Self>()) {
            Some(Ok(memory)) => *memory,
            _ => Self::new(ids.to_vec()),
        }
    }

    /// Keeps it for the next step.
    pub(super) fn keep(self) {
        // A thread that is ending keeps nothing any more.
        let _ = MEMORIES.try_with(|memories| {
            let mut memories = memories.borrow_mut();
            memories.insert(0, Box::new(self));
            memories.truncate(KEPT);
        });
    }

    /// The vectors of a chunk.
    pub(super) fn of_chunk(&mut self, chunk: usize) -> &mut Vec<Gradients<E, D>> {
        if self.vectors.len() <= chunk {
            self.vectors.resize_with(chunk + 1, Vec::new);
        }
        &mut self.vectors[chunk]
    }

    /// Begins a step of this method: another one than before begins anew.
    pub(super) fn of_method(&mut self, method: &dyn Method) {
        let name = name(method);
        if self.method != name {
            self.method = name;
            self.of_method = 0;
            self.vectors.clear();
        }
    }
}

/// Steps of `model` that have ended.
pub(crate) fn steps_of<M, E, D>(model: &M) -> u64
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let Ok(ids) = parameter_ids(model) else {
        return 0;
    };
    let memory = Memory::<E, D>::take(&ids);
    let steps = memory.steps;
    if steps > 0 {
        memory.keep();
    }
    steps
}

/// What a method's type is called.
fn name(method: &dyn Method) -> String {
    let mut name = format!("{method:?}");
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    name.truncate(end.unwrap_or(name.len()));
    // `AnyMethod` calls it as a configuration does.
    match &*name {
        "Sam" => "LpSam".to_owned(),
        _ => name,
    }
}

const METHOD: &str = "method";
const STEPS: &str = "steps";
const OF_METHOD: &str = "of_method";

/// What SAM's steps on this thread keep of `model` for the next ones: how many there were, and the vectors of their method,
/// such as the running mean of [`Vasso`](super::methods::Vasso). `None` where there is nothing. A [`Run`](crate::run::Run) puts it into its checkpoints; loops that
/// write their own do so by this and [`set_method_state`].
///
/// # Errors
/// [`StateError::Device`] where the device fails, [`StateError::Unsupported`] for elements that no file can hold.
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*, step::{method_state, methods::Vasso, set_method_state}};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// let sam = Sam::new(0.05).method(Vasso::default());
/// let grads = model.alloc_grads();
/// sam.step(&mut model, x, grads, |model, x, grads| {
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// let state = method_state(&model)?.expect("a step has ended");
/// set_method_state(&model, &state)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn method_state<M, E, D>(model: &M) -> Result<Option<State>, StateError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let ids = parameter_ids(model).map_err(device)?;
    let mut memory = Memory::<E, D>::take(&ids);
    if memory.steps == 0 {
        // None was kept.
        return Ok(None);
    }
    let state = state_of(model, &mut memory);
    memory.keep();
    state.map(Some)
}

fn state_of<M, E, D>(model: &M, memory: &mut Memory<E, D>) -> Result<State, StateError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut state = State {
        tensors: BTreeMap::new(),
        numbers: BTreeMap::from([
            (METHOD.to_owned(), memory.method.clone().into()),
            (STEPS.to_owned(), memory.steps.into()),
            (OF_METHOD.to_owned(), memory.of_method.into()),
        ]),
    };
    let mut refused = None;
    for (chunk, vectors) in memory.vectors.iter_mut().enumerate() {
        for (at, vector) in vectors.iter_mut().enumerate() {
            each_named::<E, D, M>(model, Which::Parameters, &mut |name, t| {
                match download(t.device(), t.gradient(vector)?, &t.shape()) {
                    Ok(tensor) => drop(state.tensors.insert(named(chunk, at, &name), tensor)),
                    Err(error) => drop(refused.get_or_insert(error)),
                }
                Ok(())
            })
            .map_err(device)?;
        }
    }
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(state),
    }
}

/// Has SAM's next step on `model` go on from this state; see [`method_state`]. A step of another method than the state's
/// begins anew.
///
/// # Errors
/// If it isn't the state of a model with these parameters; then nothing is changed.
pub fn set_method_state<M, E, D>(model: &M, state: &State) -> Result<(), StateError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let ids = parameter_ids(model).map_err(device)?;
    let mut memory = Memory::<E, D>::new(ids);
    let number = |name: &str| state.numbers.get(name).and_then(|number| number.as_u64());
    let method = state.numbers.get(METHOD).and_then(|name| name.as_str());
    let (Some(method), Some(steps), Some(of_method)) = (method, number(STEPS), number(OF_METHOD))
    else {
        return Err(StateError::Kind {
            expected: METHOD,
            found: "another state".into(),
        });
    };
    memory.method = method.into();
    (memory.steps, memory.of_method) = (steps, of_method);
    let mut known = 0;
    let has = |chunk, at| {
        let prefix = named(chunk, at, "");
        state.tensors.keys().any(|name| name.starts_with(&prefix))
    };
    while has(memory.vectors.len(), 0) {
        let (chunk, mut vectors) = (memory.vectors.len(), Vec::new());
        while has(chunk, vectors.len()) {
            let at = vectors.len();
            let mut vector = model.try_alloc_grads().map_err(device)?;
            let mut refused = None;
            each_named::<E, D, M>(model, Which::Parameters, &mut |name, t| {
                match checked::<E>(state, &named(chunk, at, &name), &t.shape()) {
                    Ok(values) => *t.gradient(&mut vector)? = upload(t.device(), &values)?,
                    Err(error) => drop(refused.get_or_insert(error)),
                }
                known += 1;
                Ok(())
            })
            .map_err(device)?;
            if let Some(error) = refused {
                return Err(error);
            }
            vectors.push(vector);
        }
        memory.vectors.push(vectors);
    }
    if known != state.tensors.len() {
        let names = state.tensors.keys().cloned().collect();
        return Err(StateError::Unexpected { names });
    }
    drop(Memory::<E, D>::take(&memory.ids));
    memory.keep();
    Ok(())
}

/// Has SAM's next step on `model` be its first one: how many there were, and the vectors of their method, are forgotten.
///
/// Clones of a model are one model here, as they are to dfdx's optimizers. Where two trainings begin with clones of the
/// same weights, the second one would go on with what the first one has kept; a [`Run`](crate::run::Run) that starts
/// calls this by itself.
///
/// # Errors
/// [`StateError::Device`] where the device fails.
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*, step::{forget_method_state, method_state, methods::Vasso}};
///
/// let dev = Cpu::default();
/// let initial = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// for _ in 0..2 {
///     let mut model = initial.clone();
///     forget_method_state(&model)?;
///     assert_eq!(method_state(&model)?, None);
///     let grads = model.alloc_grads();
///     Sam::new(0.05).method(Vasso::default()).step(&mut model, x.clone(), grads, |model, x, grads| {
///         model.forward_mut(x.traced(grads)).square().mean()
///     })?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forget_method_state<M, E, D>(model: &M) -> Result<(), StateError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let ids = parameter_ids(model).map_err(device)?;
    drop(Memory::<E, D>::take(&ids));
    Ok(())
}

/// What the chunks of several ranks keep, as one process would have it that runs all of them.
pub(crate) fn joined(ranks: Vec<State>) -> State {
    let mut before = 0;
    let mut all = State::default();
    for rank in ranks {
        let chunks = chunks_in(&rank);
        for (name, tensor) in rank.tensors {
            all.tensors.insert(
                moved(&name, |chunk| Some(chunk + before)).unwrap_or(name),
                tensor,
            );
        }
        before += chunks;
        all.numbers = rank.numbers;
    }
    all
}

/// The share of one of several ranks in that.
pub(crate) fn chunks_of_rank(all: &State, rank: usize, size: usize) -> State {
    let chunks = chunks_in(all);
    let [begin, end] = [rank, rank + 1].map(|rank| rank * chunks / size);
    let own = |chunk: usize| (begin..end).contains(&chunk).then(|| chunk - begin);
    let tensors = all.tensors.iter();
    let tensors = tensors.filter_map(|(name, tensor)| Some((moved(name, own)?, tensor.clone())));
    State {
        tensors: tensors.collect(),
        numbers: all.numbers.clone(),
    }
}

/// The number of chunks that something is kept of.
fn chunks_in(state: &State) -> usize {
    let chunks = state.tensors.keys().filter_map(|name| chunk_of(name));
    chunks.max().map_or(0, |last| last + 1)
}

fn chunk_of(name: &str) -> Option<usize> {
    name.split_once('.')?.0.parse().ok()
}

/// A tensor's name, with the number of another chunk.
fn moved(name: &str, to: impl Fn(usize) -> Option<usize>) -> Option<String> {
    let (_, rest) = name.split_once('.')?;
    Some(format!("{}.{rest}", to(chunk_of(name)?)?))
}

/// The name of a tensor.
fn named(chunk: usize, at: usize, parameter: &str) -> String {
    format!("{chunk}.{at}.{parameter}")
}

fn device(error: impl std::fmt::Display) -> StateError {
    StateError::Device(error.to_string())
}
