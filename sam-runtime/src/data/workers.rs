//! Threads that read batches ahead of the loop.
//!
//! Of `n` workers, worker `w` reads batches `w`, `w + n`, `w + 2n`... into a bounded queue of its own, and
//! the loop takes from the queues in turn. So batches come in one order whatever the number of workers,
//! and a slow batch holds up its own worker only.

use std::{
    any::Any,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    Collate, DataError, Dataset, Part, Transform,
    batch::{HostBatch, PartsOf},
    plan::Plan,
};

/// How batches are read ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workers {
    pub(super) count: NonZero<usize>,
    /// Batches that wait in the queue of each worker.
    pub(super) prefetch: NonZero<usize>,
    /// How long the loop waits for one batch.
    pub(super) timeout: Option<Duration>,
}

type Message<P> = Result<HostBatch<P>, DataError>;

/// The loop's end of the queues. Dropping it ends the workers, each after the batch it is reading.
pub(super) struct Queues<P: Part> {
    receivers: Vec<Receiver<Message<P>>>,
    timeout: Option<Duration>,
    /// Whose turn it is.
    turn: usize,
}

impl<P: Part> Queues<P> {
    /// Starts the workers at batch `first`.
    pub(super) fn start<Ds, T>(
        plan: &Arc<Plan<Ds, T>>,
        first: usize,
        workers: Workers,
    ) -> Result<Self, DataError>
    where
        Ds: Dataset<Item: Collate<Parts = P>> + 'static,
        T: Transform<Ds> + 'static,
    {
        let count = workers
            .count
            .get()
            .min(plan.len().saturating_sub(first).max(1));
        let mut receivers = Vec::with_capacity(count);
        for worker in 0..count {
            let (to, from) = sync_channel(workers.prefetch.get());
            let plan = Arc::clone(plan);
            let batches = (first + worker..plan.len()).step_by(count);
            thread::Builder::new()
                .name(format!("loader-{worker}"))
                .spawn(move || work(&plan, batches, &to))
                .map_err(|reason| DataError::Thread { worker, reason })?;
            receivers.push(from);
        }
        Ok(Self {
            receivers,
            timeout: workers.timeout,
            turn: 0,
        })
    }

    /// The next batch, which is number `batch`. After an error that is [`DataError::Stalled`] or
    /// [`DataError::Gone`] there is none.
    pub(super) fn next(&mut self, batch: usize) -> Message<P> {
        let receiver = &self.receivers[self.turn];
        self.turn = (self.turn + 1) % self.receivers.len();
        let message = match self.timeout {
            Some(timeout) => receiver.recv_timeout(timeout),
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        message.unwrap_or_else(|error| {
            Err(match (error, self.timeout) {
                (RecvTimeoutError::Timeout, Some(timeout)) => DataError::Stalled { batch, timeout },
                _ => DataError::Gone { batch },
            })
        })
    }
}

/// What a worker does.
fn work<Ds, T>(
    plan: &Plan<Ds, T>,
    batches: impl Iterator<Item = usize>,
    to: &SyncSender<Message<PartsOf<Ds>>>,
) where
    Ds: Dataset<Item: Collate>,
    T: Transform<Ds>,
{
    for batch in batches {
        // A panic is that of the data set or the transform; neither is changed by reading, so the next
        // batch may well be whole.
        let read = catch_unwind(AssertUnwindSafe(|| plan.read(batch)));
        let message = read.unwrap_or_else(|panic| {
            Err(DataError::Panicked {
                batch,
                reason: text(panic),
            })
        });
        if to.send(message).is_err() {
            // The loop has ended.
            return;
        }
    }
}

/// What a panic says.
pub(super) fn text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast_ref::<&str>()
            .map_or_else(|| "no text".to_owned(), |text| (*text).to_owned()),
    }
}

#[cfg(test)]
mod tests;
