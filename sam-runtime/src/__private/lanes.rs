//! The chunks of a batch at once: a line of the slice runs for all of them, each on a thread that it keeps.
//!
//! Between the lines of the slice stand statements of the user's, which run in their place, as they do where the chunks come one
//! after the other. What a chunk has computed waits for its next line on its thread: a tape can't leave it.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use dfdx::{prelude::*, tensor::Gradients};
use fragile::Fragile;

use super::{Chunks, Driver, Observed, driver::Begin};
use crate::{
    device::Moment,
    doors::generator::{generator, set_generator},
    step::{Found, StepError, Twin, Twins},
};

/// Runs something for each chunk, on the thread of that chunk: the same one each time, in the pool of rayon's that the kernels
/// use.
fn on_their_threads(chunks: Range<usize>, run: impl Fn(usize) + Sync) {
    rayon::broadcast(|thread| {
        let is_here = |chunk: &usize| chunk % thread.num_threads() == thread.index();
        chunks.clone().filter(is_here).for_each(&run);
    });
}

/// Nothing here is in disorder while a lock is held.
fn locked<T, R>(of: &Mutex<T>, act: impl FnOnce(&mut T) -> R) -> R {
    act(&mut of.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Drops a value, on its thread. Else it is lost: that is no place to panic.
fn drop_here<T>(value: Fragile<T>) {
    match value.is_valid() {
        true => drop(value),
        false => std::mem::forget(value),
    }
}

/// The device of a model whose chunks can run at once: the CPU.
#[diagnostic::on_unimplemented(
    message = "`parallel` is for models on the CPU, and `{Self}` may be another device",
    label = "on this device",
    note = "write `Cpu` for it, or leave out `parallel`: a GPU computes each chunk on all of its cores",
    note = "see `errors/not-for-parallel` in sam-train's guide"
)]
pub trait AtOnce<E: Dtype>: Device<E, Err: Send> + Send + Sync {}

impl<E: Dtype> AtOnce<E> for Cpu where Cpu: Device<E> {}

/// The threads of the chunks, and what each of them has there.
pub struct Lanes<'a, M, E: Dtype, D: Device<E>> {
    lanes: Vec<Mutex<Lane<'a, M, E, D>>>,
    /// Runs a line for some chunks. What that asks of the types is asked once, where the step begins, and so refused once.
    run: Run<'a, M, E, D>,
}

/// The lanes, some of the chunks, the line, whether it is the last one, and what runs for a chunk.
type Run<'a, M, E, D> =
    fn(&[Mutex<Lane<'a, M, E, D>>], Range<usize>, usize, bool, &OfChunk<'_, 'a, M, E, D>);

/// What a line does for the chunk with a number.
type OfChunk<'f, 'a, M, E, D> = dyn Fn(&Driver<'a, M, E, D>, usize) + Sync + 'f;

struct Lane<'a, M, E: Dtype, D: Device<E>> {
    /// The devices of the chunk's tensors, from which nothing else draws.
    twins: Twins,
    /// What the chunk's own step begins with.
    part: Option<Begin<'a, M, E, D>>,
    /// That step, once it has begun.
    step: Option<Fragile<Driver<'a, M, E, D>>>,
    /// Memory for the gradient that it ends with.
    memory: Option<Gradients<E, D>>,
    /// The model that a line has left.
    left: Option<M>,
    found: Option<Found<M, E, D>>,
}

impl<'a, M: Send + Sync, E: Dtype, D: AtOnce<E>> Lanes<'a, M, E, D> {
    /// For the chunks of a step that has begun.
    ///
    /// # Errors
    /// Those of the step, if it has failed.
    pub fn begin<C, R>(
        step: &Driver<'a, M, E, D>,
        chunks: &Chunks<C, R>,
    ) -> Result<Self, StepError> {
        let lane = |number| {
            Some(Mutex::new(Lane {
                twins: Twins::default(),
                part: Some(step.part(number)?),
                step: None,
                memory: None,
                left: None,
                found: None,
            }))
        };
        let lanes: Option<_> = (0..chunks.len()).map(lane).collect();
        match lanes {
            Some(lanes) => Ok(Self { lanes, run: run_on }),
            None => Err(step
                .finish()
                .err()
                .map_or(StepError::Empty, StepError::from)),
        }
    }
}

impl<'a, M, E: Dtype, D: Device<E>> Lanes<'a, M, E, D> {
    /// Puts the parts of a value each on its chunk's own devices.
    pub fn seated<C: Twin>(&self, parts: Vec<C>) -> Vec<C> {
        let seated = |(lane, part): (&Mutex<Lane<'a, M, E, D>>, C)| {
            locked(lane, |lane| part.twin(&mut lane.twins))
        };
        self.lanes.iter().zip(parts).map(seated).collect()
    }

    /// Runs line `line` of the slice for all chunks.
    pub fn line(
        &self,
        step: &Driver<'a, M, E, D>,
        line: usize,
        run: impl Fn(&Driver<'a, M, E, D>, usize) + Sync,
    ) {
        let before = self.begin_line(step, line);
        (self.run)(&self.lanes, 0..self.lanes.len(), line, false, &run);
        self.end_line(step, &before);
    }

    /// Runs the last line, and ends the steps of the chunks.
    pub fn last_line(
        &self,
        step: &Driver<'a, M, E, D>,
        line: usize,
        run: impl Fn(&Driver<'a, M, E, D>, usize) + Sync,
    ) {
        let before = self.begin_line(step, line);
        let threads = rayon::current_num_threads();
        // As many as there are threads, whose gradients are then added up: these need memory no longer.
        for first in (0..self.lanes.len()).step_by(threads) {
            let wave = first..self.lanes.len().min(first + threads);
            for lane in &self.lanes[wave.clone()] {
                locked(lane, |lane| lane.memory = Some(step.spare()));
            }
            (self.run)(&self.lanes, wave.clone(), line, true, &run);
            for number in wave {
                if let Some(found) = locked(&self.lanes[number], |lane| lane.found.take()) {
                    step.join(number, found);
                }
            }
        }
        self.end_line(step, &before);
    }

    /// Has the chunks draw where the loop is, each in a stream of its own. Where that is, on devices from which they must not draw.
    fn begin_line(&self, step: &Driver<'a, M, E, D>, line: usize) -> [Moment; 2] {
        step.mark(line, 0);
        let mut shared = Vec::new();
        for (number, lane) in self.lanes.iter().enumerate() {
            locked(lane, |lane| {
                for (device, twin) in lane.twins.pairs() {
                    if let Some(state) = generator(device).and_then(|g| g.in_stream(number)) {
                        set_generator(twin, &state);
                    }
                    shared.push(device.clone());
                }
            });
        }
        [Moment::now(&step.devices()), Moment::now(&shared)]
    }

    /// Takes over what the line has left.
    fn end_line(&self, step: &Driver<'a, M, E, D>, before: &[Moment]) {
        if before.iter().any(Moment::is_over) {
            for moment in before {
                moment.restore();
            }
            step.refuse(StepError::SharedGenerator);
        }
        for (number, lane) in self.lanes.iter().enumerate() {
            locked(lane, |lane| {
                if let Some(model) = lane.left.take() {
                    step.advanced(&model, number);
                }
                // The loop goes on where the first chunk has ended.
                for (device, twin) in lane.twins.pairs().filter(|_| number == 0) {
                    if let Some(state) = generator(twin) {
                        set_generator(device, &state);
                    }
                }
            });
        }
        step.go_on();
    }

    /// What the loop reads of the slice, on the devices where it looks for it.
    pub fn observed<T: Twin>(&self, seen: Seen<T>) -> Observed<T> {
        let mut observed = Observed::new();
        for (lane, value) in self.lanes.iter().zip(seen.0) {
            let mut back = locked(lane, |lane| lane.twins.back());
            if let Some(value) = value.into_inner().unwrap_or_else(PoisonError::into_inner) {
                observed.add(value.twin(&mut back));
            }
        }
        observed
    }
}

fn run_on<'a, M: Send + Sync, E: Dtype, D: AtOnce<E>>(
    lanes: &[Mutex<Lane<'a, M, E, D>>],
    chunks: Range<usize>,
    line: usize,
    is_last: bool,
    run: &OfChunk<'_, 'a, M, E, D>,
) {
    on_their_threads(chunks, |chunk| {
        let own = locked(&lanes[chunk], Lane::enter);
        own.mark(line, 0);
        run(&own, chunk);
        locked(&lanes[chunk], |lane| lane.leave(own, is_last));
    });
}

impl<'a, M, E: Dtype, D: Device<E>> Lane<'a, M, E, D> {
    /// The chunk's own step, on its thread.
    fn enter(&mut self) -> Driver<'a, M, E, D> {
        let step = match (self.step.take(), self.part.take()) {
            (Some(step), _) => step.into_inner(),
            (None, Some((part, model, begin))) => begin(part, &model),
            (None, None) => unreachable!("a chunk has a step until its last line"),
        };
        step.wake();
        if let Some(memory) = self.memory.take() {
            step.end_in(memory);
        }
        for (_, twin) in self.twins.pairs() {
            step.meet(twin);
        }
        step
    }

    /// Behind a line.
    fn leave(&mut self, step: Driver<'a, M, E, D>, is_last: bool) {
        self.left = step.left();
        match is_last {
            // Its generators are then where the clean pass has left them.
            true => self.found = Some(step.found()),
            false => {
                step.rest();
                self.step = Some(Fragile::new(step));
            }
        }
    }
}

impl<M, E: Dtype, D: Device<E>> Drop for Lanes<'_, M, E, D> {
    /// Steps that the user's loop has left before their end are dropped on their threads.
    fn drop(&mut self) {
        let steps: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| Mutex::new(locked(lane, |lane| lane.step.take())))
            .collect();
        drop_on_their_threads(&steps);
    }
}

fn drop_on_their_threads<T>(values: &[Mutex<Option<Fragile<T>>>]) {
    if values
        .iter()
        .all(|value| locked(value, |value| value.is_none()))
    {
        return;
    }
    on_their_threads(0..values.len(), |chunk| {
        if let Some(value) = locked(&values[chunk], Option::take) {
            drop_here(value);
        }
    });
}

/// The chunks' values of a variable of the slice, each on its thread.
pub struct Parts<T>(Vec<Mutex<Option<Fragile<T>>>>);

impl<T> Parts<T> {
    /// None yet.
    pub fn new<M, E: Dtype, D: Device<E>>(lanes: &Lanes<'_, M, E, D>) -> Self {
        Self(lanes.lanes.iter().map(|_| Mutex::new(None)).collect())
    }

    /// Keeps that of a chunk.
    pub fn put(&self, chunk: usize, value: T) {
        locked(&self.0[chunk], |part| *part = Some(Fragile::new(value)));
    }

    /// Takes it.
    pub fn take(&self, chunk: usize) -> T {
        let value = locked(&self.0[chunk], Option::take);
        value.expect("a value for each chunk").into_inner()
    }
}

impl<T> Drop for Parts<T> {
    fn drop(&mut self) {
        drop_on_their_threads(&self.0);
    }
}

/// What the loop reads of the slice, while it comes from the chunks.
pub struct Seen<T>(Vec<Mutex<Option<T>>>);

impl<T: Send> Seen<T> {
    /// Nothing yet.
    pub fn new<M, E: Dtype, D: Device<E>>(lanes: &Lanes<'_, M, E, D>) -> Self {
        Self(lanes.lanes.iter().map(|_| Mutex::new(None)).collect())
    }

    /// Keeps that of a chunk.
    pub fn put(&self, chunk: usize, value: T) {
        locked(&self.0[chunk], |seen| *seen = Some(value));
    }
}
