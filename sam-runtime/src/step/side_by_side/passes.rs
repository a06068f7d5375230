//! One pass, and two at once.

use std::{panic, thread};

use dfdx::{prelude::*, tensor::Gradients};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::step::{LossValue, StepError};

/// The gradient of a pass, and its loss.
pub(super) struct Passed<E: Dtype> {
    pub(super) gradient: Gradients<E, Cpu>,
    pub(super) loss: f64,
}

/// Runs `loss` on `model` and `batch`, and backward, from gradients of zeros.
pub(super) fn pass<M, B, E, L>(
    loss: &impl Fn(&mut M, B, Gradients<E, Cpu>) -> L,
    model: &mut M,
    batch: B,
    start: Gradients<E, Cpu>,
) -> Result<Passed<E>, StepError>
where
    E: Dtype,
    L: Backward<E, Cpu, Err = <Cpu as HasErr>::Err> + LossValue,
{
    let value = loss(model, batch, start);
    let read = value.lazy();
    let gradient = value.try_backward().map_err(StepError::device)?;
    Ok(Passed {
        gradient,
        loss: read(),
    })
}

/// The threads of this machine in two halves, from their first use on.
#[derive(Debug, Default)]
pub(super) struct Pools(Option<[ThreadPool; 2]>);

impl Pools {
    /// Runs both at once, where there are two threads; what panics goes on doing so here.
    pub(super) fn at_once<R: Send>(
        &mut self,
        one: impl FnOnce() -> R + Send,
        other: impl FnOnce() -> R + Send,
    ) -> (R, R) {
        if self.0.is_none() {
            self.0 = halves();
        }
        let Some([half, rest]) = &self.0 else {
            return (one(), other());
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| rest.install(other));
            let one = half.install(one);
            match other.join() {
                Ok(other) => (one, other),
                Err(panicked) => panic::resume_unwind(panicked),
            }
        })
    }
}

/// `None` where there is one thread, or none can be had.
fn halves() -> Option<[ThreadPool; 2]> {
    let threads = rayon::current_num_threads();
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().ok();
    let half = threads / 2;
    (half > 0)
        .then(|| Some([pool(half)?, pool(threads - half)?]))
        .flatten()
}
