//! The chunks of a batch at once, on all threads of a machine.
//!
//! | file | what |
//! |---|---|
//! | `task` | what runs on a thread: the passes over one chunk |
//! | `seat` | the devices of a chunk, whose random numbers are its own |
//!
//! A thread that waits inside of one chunk's kernel may take up another chunk meanwhile, from its first line to its last.
//! So nothing of a chunk lies with its thread while it runs: it is taken from there when the chunk begins, and given back
//! when it ends.

mod seat;
mod task;

use dfdx::{prelude::*, tensor::Gradients};
use rayon::prelude::*;

use self::{seat::Seat, task::Task};
use super::{Batch, ChunkedSam, LossValue, Step, StepError, Twin, sam::BY_HAND, split::chunk_rows};
use crate::device::Moment;

/// [`ChunkedSam`] with the chunks of a batch at once, each on a thread of the pool of rayon's that the kernels use: see
/// [`ChunkedSam::parallel`].
///
/// The kernels of a small network, or of a small chunk, leave most of a machine idle; whole chunks don't. All that comes of a
/// step is what comes of it one after the other, to the bit, on any number of threads: the gradients, the running statistics,
/// the report, what the method keeps, and the numbers that are drawn.
///
/// For that each chunk gets its tensors on devices of their own, which draw what the chunk would draw in its turn. So a loss
/// draws from the device of its chunk's tensors, as layers do. One that draws from the model's device, or from that of the
/// whole batch, ends the step with [`StepError::SharedGenerator`]; so does dropout right behind an `Embedding`, whose output is on
/// the model's device. A device of which the step knows nothing, since no parameter, batch or loader is on it, is not watched:
/// leave it alone, and whatever else threads share. (A batch on such a device draws the same in all passes here; one after
/// the other it does not.)
///
/// Memory: besides the activations of as many chunks as there are threads, three vectors the size of the parameters for
/// each of these, and the perturbed weights. The loss runs on rayon's threads, whose stacks are 2 MiB. On the CPU.
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
/// let grads = model.alloc_grads();
/// let sam = Sam::new(0.05).chunked::<4>().parallel();
/// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
///
/// What threads can't share, the compiler refuses:
///
/// ```compile_fail,E0277
/// # use sam_runtime::{Sam, dfdx::prelude::*};
/// # let dev = Cpu::default();
/// # let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// # let x: Tensor<Rank2<16, 4>, f32, _> = dev.sample_normal();
/// # let grads = model.alloc_grads();
/// # let sam = Sam::new(0.05).chunked::<4>().parallel();
/// let calls = std::cell::Cell::new(0);
/// let grads = sam.step(&mut model, x, grads, |model, x, grads| {
///     calls.set(calls.get() + 1);
///     model.forward_mut(x.traced(grads)).square().mean()
/// })?;
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParallelSam<const M: usize> {
    pub(super) chunked: ChunkedSam<M>,
}

impl<const CHUNK: usize> ParallelSam<CHUNK> {
    /// One step, as [`ChunkedSam::step`]: `loss` gets the chunks of the batch, several at once.
    ///
    /// In a step of the base optimizer each chunk draws where the one before it has ended, as there. Where one has drawn, those
    /// behind it run one after the other, and some of them for the second time.
    ///
    /// # Errors
    /// [`StepError::SharedGenerator`]; else see [`StepError`]. `model` is then as it was.
    pub fn step<M, E, B, L>(
        &self,
        model: &mut M,
        batch: B,
        start: Gradients<E, Cpu>,
        loss: impl Fn(&mut M, B::Chunk, Gradients<E, Cpu>) -> L + Sync,
    ) -> Result<Gradients<E, Cpu>, StepError>
    where
        M: TensorCollection<E, Cpu> + Clone + Send,
        E: Dtype,
        Cpu: Device<E>,
        B: Batch<CHUNK>,
        B::Chunk: Twin,
        L: Backward<E, Cpu, Err = <Cpu as HasErr>::Err> + LossValue,
    {
        let rows = chunk_rows(batch.rows().unwrap_or(0), CHUNK);
        if rows.len() < 2 {
            return self.chunked.step(model, batch, start, loss);
        }
        let chunks = batch.split(&rows)?;
        let settings = self.chunked.sam.settings.clone();
        let mut step = Step::begin(model, M::clone, settings, BY_HAND);
        step.cut(&rows);
        step.keep(start);
        step.mark(0, 0);
        // Else each chunk draws where the one before it has ended.
        let has_streams = step.keeps_random_states();
        let mut first = None;
        let mut at_once = rayon::current_num_threads();
        let mut next = 0;
        while next < chunks.len() {
            // No more than there are threads: one that waited in the pool might begin on top of another, on its stack.
            let wave = chunks.iter().enumerate().skip(next).take(at_once);
            let tasks: Option<Vec<_>> = wave
                .map(|(number, chunk)| {
                    let (chunk, seat) = Seat::of(chunk, if has_streams { number } else { 0 });
                    Some(Task {
                        part: step.part(number)?,
                        gradient: step.spare(),
                        model: model.clone(),
                        chunk,
                        seat,
                    })
                })
                .collect();
            // Else the step has failed.
            let Some(tasks) = tasks else { break };
            let shared = tasks.iter().flat_map(|task| task.seat.shared());
            let before = Moment::now(shared.chain(step.device()));
            let run = |task: Task<_, _, _>| task.run(&loss);
            let found: Vec<_> = tasks.into_par_iter().with_max_len(1).map(run).collect();
            if before.is_over() {
                before.restore();
                step.refuse(StepError::SharedGenerator);
                break;
            }
            for (found, seat) in found {
                step.join(next, found);
                next += 1;
                if has_streams {
                    first.get_or_insert(seat);
                } else if seat.has_drawn() {
                    seat.hand_back();
                    at_once = 1;
                    break;
                }
            }
        }
        if let Some(first) = first {
            first.hand_back();
        }
        step.write_back(model);
        step.finish(Some(model)).map_err(StepError::from)
    }
}

#[cfg(test)]
mod tests;
