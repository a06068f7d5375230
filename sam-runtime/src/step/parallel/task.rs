use dfdx::{prelude::*, tensor::Gradients};

use super::seat::Seat;
use crate::step::{
    LossValue, Twin,
    machine::{Found, Part},
    sam::replays,
};

/// The passes over one chunk.
pub(super) struct Task<M, C, E: Dtype>
where
    Cpu: Device<E>,
{
    pub(super) part: Part<M, E, Cpu>,
    /// Memory for its gradient.
    pub(super) gradient: Gradients<E, Cpu>,
    pub(super) model: M,
    pub(super) chunk: C,
    pub(super) seat: Seat,
}

impl<M, C, E> Task<M, C, E>
where
    M: TensorCollection<E, Cpu>,
    C: Twin,
    E: Dtype,
    Cpu: Device<E>,
{
    /// Runs all of them, on this thread.
    pub(super) fn run<L>(
        self,
        loss: &(impl Fn(&mut M, C, Gradients<E, Cpu>) -> L + Sync),
    ) -> (Found<M, E, Cpu>, Seat)
    where
        L: Backward<E, Cpu, Err = <Cpu as HasErr>::Err> + LossValue,
    {
        let Self {
            part,
            gradient,
            model,
            chunk,
            mut seat,
        } = self;
        let mut step = part.begin(&model);
        step.end_in(gradient);
        let mut clean_model = step.chunk_model(&model, 0);
        let start = step.clean_start();
        let clean = loss(&mut clean_model, chunk.clone(), start);
        seat.note();
        step.advanced(&clean_model, 0);
        drop(clean_model);
        let mut passes = 1;
        replays(&mut step, clean, 0, |copy, start| {
            seat.rewind();
            passes += 1;
            loss(copy, chunk.clone(), start)
        });
        (step.found(passes), seat)
    }
}
