//! How a step ends.

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    super::{
        NonFinite,
        error::Failure,
        queued::{copy_gradients, restore_gradients, take_buffers},
        report,
        tensors::blend_buffers,
        workspace,
    },
    Step,
};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Ends the step with this failure; nothing more is run again.
    pub(crate) fn fail(&mut self, failure: Failure<D::Err>) {
        self.failure.get_or_insert(failure);
    }

    /// Ends the step with an error of the user's `try_backward`.
    pub(crate) fn fail_backward(&mut self, error: D::Err) {
        self.fail(Failure::Device(error));
    }

    /// Ends the step. Where it gives no gradient, `model` gets back the buffers that it began with; its
    /// weights are not touched. `None` where it can't be borrowed.
    pub(crate) fn finish(
        &mut self,
        model: Option<&mut M>,
    ) -> Result<Gradients<E, D>, Failure<D::Err>> {
        self.marks.settle();
        self.marks.go_on();
        let (kernels, notes) = (self.kernels, self.notes.clone());
        let result = self.end();
        let left_out = result.is_err() || self.report.is_skipped;
        let base = self.base.take();
        if let (Some(model), Some(base)) = (model, &base) {
            let restored = match (kernels.and_then(|k| k.queue()), &notes) {
                _ if left_out => blend_buffers(model, base, 0.0, 1.0),
                (Some(queue), Some(notes)) => {
                    let after = (self.copy)(model);
                    blend_buffers(model, base, 0.0, 1.0)
                        .and_then(|()| take_buffers(model, &after, notes, queue))
                }
                _ => Ok(()),
            };
            restored.map_err(Failure::Device)?;
        }
        self.advanced.clear();
        report::publish(std::mem::take(&mut self.report));
        if let Some(space) = self.space.take() {
            workspace::keep(space);
        }
        result
    }

    fn end(&mut self) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let result = match (self.failure.take(), self.nonfinite.take()) {
            (Some(failure), _) => Err(failure),
            (None, Some(error)) if self.settings.nonfinite == NonFinite::Error => Err(error.into()),
            (None, Some(_)) => {
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
        result
    }

    fn take_total(&mut self) -> Gradients<E, D> {
        self.total.take().unwrap_or_else(Gradients::leaky)
    }

    /// The result, within its bounds.
    fn clipped(&mut self) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let mut total = self.take_total();
        if let (Some(kernels), Some(base)) = (self.kernels, &self.base) {
            let clip = self.settings.clip;
            clip.apply(base, &mut total, kernels)
                .map_err(Failure::Device)?;
        }
        Ok(total)
    }

    /// On a device with a queue: `total`, or the starting gradients where something was not finite; and an
    /// error if it is time to look for one, and there is one.
    fn judged(&mut self, mut total: Gradients<E, D>) -> Result<Gradients<E, D>, Failure<D::Err>> {
        let queue = self.kernels.and_then(|kernels| kernels.queue());
        let (Some(queue), Some(notes), Some(space), Some(base)) =
            (queue, &self.notes, &mut self.space, &self.base)
        else {
            return Ok(total);
        };
        if let (true, Some(backup)) = (self.has_start, &mut space.backup) {
            restore_gradients(base, &mut total, backup, notes, queue).map_err(Failure::Device)?;
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
        let mut start = self.take_total();
        if let (true, true, Some(kernels), Some(base), Some(space)) = (
            self.touched,
            self.has_start,
            self.kernels,
            &self.base,
            &mut self.space,
        ) && let Some(backup) = &mut space.backup
        {
            copy_gradients(base, &mut start, backup, kernels).map_err(Failure::Device)?;
        }
        if !self.has_start
            && let Some(base) = &self.base
        {
            // Nothing was there to start from.
            return base.try_alloc_grads().map_err(Failure::Device);
        }
        Ok(start)
    }
}
