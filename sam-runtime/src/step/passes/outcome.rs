//! How a step ends.

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    super::{
        NonFinite,
        error::Failure,
        queued::{copy_gradients, restore_gradients, take_buffers},
        report,
        tensors::blend_buffers,
    },
    Step,
};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
{
    /// Ends the step with this failure; no further pass runs.
    pub(crate) fn fail(&mut self, failure: Failure<D::Err>) {
        self.failure.get_or_insert(failure);
        self.next = None;
    }

    /// Ends the step with an error of the user's `try_backward`.
    pub(crate) fn fail_backward(&mut self, error: D::Err) {
        self.fail(Failure::Device(error));
    }

    /// Ends the step and writes the buffers into `model`; its weights are not touched. `None` for a
    /// model whose buffers can't have changed.
    pub(crate) fn finish(self, model: Option<&mut M>) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let (kernels, notes) = (self.kernels, self.notes.clone());
        let (advanced, result) = self.end();
        if let (Ok(_), Some((from, _)), Some(model)) = (&result, advanced, model) {
            match (kernels.and_then(|k| k.queue()), &notes) {
                (Some(queue), Some(notes)) => take_buffers(model, &from, notes, queue),
                _ => blend_buffers(model, &from, 0.0, 1.0),
            }
            .map_err(Failure::Device)?;
        }
        result
    }

    #[allow(clippy::type_complexity)]
    fn end(mut self) -> (Option<(M, f64)>, Result<Gradients<E, D>, Failure<D::Err>>) {
        let mut advanced = self.advanced.take();
        let result = match (self.failure.take(), self.nonfinite.take()) {
            (Some(failure), _) => Err(failure),
            (None, Some(error)) if self.settings.nonfinite == NonFinite::Error => Err(error.into()),
            (None, Some(_)) => {
                advanced = None;
                self.report.is_skipped = true;
                self.restore_start()
            }
            (None, None) => self.clipped().and_then(|total| self.judged(total)),
        };
        self.report.norms = std::mem::take(&mut self.norms)
            .into_iter()
            .zip(self.shares.iter().copied())
            .collect();
        self.report.verdict = self.notes.take().map(|notes| notes.verdict);
        report::publish(std::mem::take(&mut self.report));
        (advanced, result)
    }

    /// The result, within its bounds.
    fn clipped(&mut self) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let mut total = self.total.take().expect("no pass has the result");
        let kernels = self.kernels.expect("checked when the step began");
        let clip = self.settings.clip;
        clip.apply(&self.base, &mut total, kernels)
            .map_err(Failure::Device)?;
        Ok(total)
    }

    /// On a device with a queue: `total`, or the starting gradients where something was not finite; and an
    /// error if it is time to look for one, and there is one.
    fn judged(&mut self, mut total: Gradients<E, D>) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let queue = self.kernels.and_then(|kernels| kernels.queue());
        let space = self.space.as_mut().expect("a workspace");
        let (Some(queue), Some(notes)) = (queue, &self.notes) else {
            return Ok(total);
        };
        if let Some(backup) = &mut space.backup {
            restore_gradients(&self.base, &mut total, backup, notes, queue)
                .map_err(Failure::Device)?;
        }
        let watches = self.settings.nonfinite == NonFinite::Error;
        if let Some(watch) = space.watch.as_mut().filter(|_| watches)
            && watch.is_due()
            && let Some(error) = watch.look()
        {
            space.watch = None;
            return Err(error.into());
        }
        Ok(total)
    }

    fn restore_start(&mut self) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let kernels = self.kernels.expect("checked when the step began");
        let mut start = self.total.take().expect("no pass has the result");
        let space = self.space.as_mut().expect("a workspace");
        if let (true, Some(backup)) = (self.touched, &mut space.backup) {
            copy_gradients(&self.base, &mut start, backup, kernels).map_err(Failure::Device)?;
        }
        Ok(start)
    }

    /// Whether the observers have something to see: every chunk's clean pass was run.
    pub(crate) fn is_observed(&self) -> bool {
        self.advanced
            .as_ref()
            .is_some_and(|(_, share)| *share > 1.0 - 1e-9)
    }
}
