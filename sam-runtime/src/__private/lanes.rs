//! The chunks of a batch at once: a line of the slice runs for all of them, each on a thread that it keeps.
//!
//! Between the lines of the slice stand statements of the user's, which run in their place, as they do where the chunks come one
//! after the other. What a chunk has computed waits for its next line on its thread: a tape can't leave it.

use std::sync::{Mutex, PoisonError};

use dfdx::prelude::*;
use fragile::Fragile;

use super::{Chunks, Driver, Observed, driver::Begin};
use crate::{
    device::Moment,
    doors::generator::{generator, set_generator},
    step::{Found, StepError, Twin, Twins},
};

/// Runs something for each chunk, on the thread of that chunk: the same one each time, in the pool of rayon's that the kernels
/// use.
fn on_their_threads(chunks: usize, run: impl Fn(usize) + Sync) {
    rayon::broadcast(|thread| {
        for chunk in (thread.index()..chunks).step_by(thread.num_threads()) {
            run(chunk);
        }
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

/// A step whose chunks are run at once, on the CPU.
#[diagnostic::on_unimplemented(
    message = "`parallel` is for the CPU, and this model is on `{Self}`",
    label = "on another device",
    note = "a GPU runs one chunk on all of its cores: leave out `parallel`",
    note = "see `errors/not-for-parallel` in sam-train's guide"
)]
pub trait AtOnce<E: Dtype>: Device<E> {
    /// The step, on the device that it is on.
    fn on_cpu<'d, 'a, M>(step: &'d Driver<'a, M, E, Self>) -> &'d Driver<'a, M, E, Cpu>
    where
        Cpu: Device<E>;
}

impl<E: Dtype> AtOnce<E> for Cpu
where
    Cpu: Device<E>,
{
    fn on_cpu<'d, 'a, M>(step: &'d Driver<'a, M, E, Self>) -> &'d Driver<'a, M, E, Cpu> {
        step
    }
}

/// The threads of the chunks, and what each of them has there.
pub struct Lanes<'a, M, E: Dtype>(Vec<Mutex<Lane<'a, M, E>>>)
where
    Cpu: Device<E>;

struct Lane<'a, M, E: Dtype>
where
    Cpu: Device<E>,
{
    /// The devices of the chunk's tensors, from which nothing else draws.
    twins: Twins,
    /// What the chunk's own step begins with.
    part: Option<Begin<'a, M, E, Cpu>>,
    /// That step, once it has begun.
    step: Option<Fragile<Driver<'a, M, E, Cpu>>>,
    /// The model that a line has left.
    left: Option<M>,
    found: Option<Found<M, E, Cpu>>,
}

impl<'a, M: Send + Sync, E: Dtype> Lanes<'a, M, E>
where
    Cpu: Device<E>,
{
    /// For the chunks of a step that has begun.
    ///
    /// # Errors
    /// Those of the step, if it has failed.
    pub fn begin<C, R, D: AtOnce<E>>(
        step: &Driver<'a, M, E, D>,
        chunks: &Chunks<C, R>,
    ) -> Result<Self, StepError> {
        let step = D::on_cpu(step);
        let lane = |number| {
            Some(Mutex::new(Lane {
                twins: Twins::default(),
                part: Some(step.part(number)?),
                step: None,
                left: None,
                found: None,
            }))
        };
        let lanes: Option<_> = (0..chunks.len()).map(lane).collect();
        match lanes {
            Some(lanes) => Ok(Self(lanes)),
            None => Err(step
                .finish()
                .err()
                .map_or(StepError::Empty, StepError::from)),
        }
    }

    /// Puts the parts of a value each on its chunk's own devices.
    pub fn seated<C: Twin + Sync>(&self, parts: Vec<C>) -> Vec<C> {
        let seated = |(lane, part): (&Mutex<Lane<'a, M, E>>, C)| {
            locked(lane, |lane| part.twin(&mut lane.twins))
        };
        self.0.iter().zip(parts).map(seated).collect()
    }

    /// Runs line `line` of the slice for all chunks.
    pub fn line<D: AtOnce<E>>(
        &self,
        step: &Driver<'a, M, E, D>,
        line: usize,
        run: impl Fn(&Driver<'a, M, E, Cpu>, usize) + Sync,
    ) {
        self.run(D::on_cpu(step), line, false, run);
    }

    /// Runs the last line, and ends the steps of the chunks.
    pub fn last_line<D: AtOnce<E>>(
        &self,
        step: &Driver<'a, M, E, D>,
        line: usize,
        run: impl Fn(&Driver<'a, M, E, Cpu>, usize) + Sync,
    ) {
        let step = D::on_cpu(step);
        self.run(step, line, true, run);
        for (number, lane) in self.0.iter().enumerate() {
            if let Some(found) = locked(lane, |lane| lane.found.take()) {
                step.join(number, found);
            }
        }
    }

    fn run(
        &self,
        step: &Driver<'a, M, E, Cpu>,
        line: usize,
        is_last: bool,
        run: impl Fn(&Driver<'a, M, E, Cpu>, usize) + Sync,
    ) {
        // Where the chunks begin to draw, each in a stream of its own.
        step.mark(line, 0);
        let mut shared = step.devices();
        for (number, lane) in self.0.iter().enumerate() {
            locked(lane, |lane| {
                for (device, twin) in lane.twins.pairs() {
                    if let Some(state) = generator(device).and_then(|g| g.in_stream(number)) {
                        set_generator(twin, &state);
                    }
                    shared.push(device.clone());
                }
            });
        }
        let before = Moment::now(&shared);
        on_their_threads(self.0.len(), |chunk| {
            let own = locked(&self.0[chunk], Lane::enter);
            own.mark(line, 0);
            run(&own, chunk);
            locked(&self.0[chunk], |lane| lane.leave(own, is_last));
        });
        if before.is_over() {
            before.restore();
            step.refuse(StepError::SharedGenerator);
        }
        for (number, lane) in self.0.iter().enumerate() {
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
        for (lane, value) in self.0.iter().zip(seen.0) {
            let mut back = locked(lane, |lane| lane.twins.back());
            if let Some(value) = value.into_inner().unwrap_or_else(PoisonError::into_inner) {
                observed.add(value.twin(&mut back));
            }
        }
        observed
    }
}

impl<'a, M, E: Dtype> Lane<'a, M, E>
where
    Cpu: Device<E>,
{
    /// The chunk's own step, on its thread.
    fn enter(&mut self) -> Driver<'a, M, E, Cpu> {
        let step = match (self.step.take(), self.part.take()) {
            (Some(step), _) => step.into_inner(),
            (None, Some((part, model, begin))) => begin(part, &model),
            (None, None) => unreachable!("a chunk has a step until its last line"),
        };
        for (_, twin) in self.twins.pairs() {
            step.meet(twin);
        }
        step
    }

    /// Behind a line.
    fn leave(&mut self, step: Driver<'a, M, E, Cpu>, is_last: bool) {
        self.left = step.left();
        match is_last {
            // Its generators are then where the clean pass has left them.
            true => self.found = Some(step.found()),
            false => self.step = Some(Fragile::new(step)),
        }
    }
}

impl<M, E: Dtype> Drop for Lanes<'_, M, E>
where
    Cpu: Device<E>,
{
    /// Steps that the user's loop has left before their end are dropped on their threads.
    fn drop(&mut self) {
        let steps: Vec<_> = self
            .0
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
    on_their_threads(values.len(), |chunk| {
        if let Some(value) = locked(&values[chunk], Option::take) {
            drop_here(value);
        }
    });
}

/// The chunks' values of a variable of the slice, each on its thread.
pub struct Parts<T>(Vec<Mutex<Option<Fragile<T>>>>);

impl<T> Parts<T> {
    /// None yet.
    pub fn new<M, E: Dtype>(lanes: &Lanes<'_, M, E>) -> Self
    where
        Cpu: Device<E>,
    {
        Self(lanes.0.iter().map(|_| Mutex::new(None)).collect())
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
    pub fn new<M, E: Dtype>(lanes: &Lanes<'_, M, E>) -> Self
    where
        Cpu: Device<E>,
    {
        Self(lanes.0.iter().map(|_| Mutex::new(None)).collect())
    }

    /// Keeps that of a chunk.
    pub fn put(&self, chunk: usize, value: T) {
        locked(&self.0[chunk], |seen| *seen = Some(value));
    }
}
