use dfdx::{prelude::*, tensor::Gradients};

use super::{Outcome, Running, State, Step};
use crate::step::{NonFinite, error::Failure, nonfinite, report, tensors::blend_buffers};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Ends the step. Where it gives no gradient, `model` gets back the buffers that it began with; its
    /// weights are not touched. `None` where it can't be borrowed.
    pub(crate) fn finish(&mut self, model: Option<&mut M>) -> Outcome<Gradients<E, D>, D> {
        self.random.settle();
        self.random.go_on();
        let mut report = std::mem::take(&mut self.report);
        let result = match std::mem::replace(&mut self.state, State::Over) {
            State::Running(mut running) => {
                let result = running.agree().and_then(|()| running.end());
                report.is_skipped = running.nonfinite.is_some() && result.is_ok();
                let restored = match model {
                    Some(model) if result.is_err() || report.is_skipped => {
                        blend_buffers(model, &running.base, 0.0, 1.0)
                    }
                    Some(model) => running.take_buffers(model),
                    None => Ok(()),
                };
                if result.is_ok() {
                    running.memory.steps += 1;
                    running.has_ended = running.nonfinite.is_none();
                    let is_of_method = running.has_ended && !running.is_plain();
                    running.memory.of_method += u64::from(is_of_method);
                }
                running.put_back();
                restored.map_err(Failure::Device).and(result)
            }
            State::Failed { base, failure } => {
                let restored = match model {
                    Some(model) => blend_buffers(model, &base, 0.0, 1.0),
                    None => Ok(()),
                };
                restored.map_err(Failure::Device).and(Err(failure))
            }
            State::Over => Ok(Gradients::leaky()),
        };
        report::publish(report);
        result
    }
}

impl<M, E, D> Running<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Where several ranks train the model: what is not finite on one of them is so on all, which so end the step alike.
    fn agree(&mut self) -> Outcome<(), D> {
        let Some(ranks) = &self.ranks else {
            return Ok(());
        };
        let found = match (&self.nonfinite, &self.flags) {
            (None, Some(flags)) => {
                ranks.settle()?;
                nonfinite::read(flags)
            }
            (found, _) => found.clone(),
        };
        self.nonfinite = ranks.agree(found.as_ref())?;
        Ok(())
    }

    fn end(&mut self) -> Outcome<Gradients<E, D>, D> {
        match &self.nonfinite {
            Some(error) if self.settings.nonfinite == NonFinite::Error => {
                // A device that has noted it is to note it no more.
                self.space.nonfinite = None;
                Err(error.clone().into())
            }
            Some(_) => self.restored_start().map_err(Failure::Device),
            None => {
                let mut total = self.total.take();
                match &self.ranks {
                    Some(ranks) => ranks.leave(self.settings.clip),
                    None => self
                        .vectors
                        .clip(&self.base, &mut total, self.settings.clip)
                        .map_err(Failure::Device)?,
                }
                self.judge(&mut total)?;
                Ok(total)
            }
        }
    }

    /// On a device where reading means waiting: `total` becomes the starting gradients where something was not
    /// finite; and an error if it is time to look for one, and there is one.
    fn judge(&mut self, total: &mut Gradients<E, D>) -> Outcome<(), D> {
        let Some(flags) = &self.flags else {
            return Ok(());
        };
        if let (true, Some(backup)) = (self.total.has_start(), &mut self.space.backup) {
            self.vectors
                .restore(&self.base, total, backup, flags)
                .map_err(Failure::Device)?;
        }
        if self.settings.nonfinite == NonFinite::Skip && !self.is_plain() {
            for (at, vectors) in self.memory.vectors.iter_mut().enumerate() {
                let mut backups = self.space.memory_backup.get_mut(at).into_iter().flatten();
                for vector in vectors {
                    // One that is new was of zeros.
                    let mut zeros = Gradients::leaky();
                    let backup = backups.next().unwrap_or(&mut zeros);
                    self.vectors
                        .restore(&self.base, vector, backup, flags)
                        .map_err(Failure::Device)?;
                }
            }
        }
        if self.settings.nonfinite == NonFinite::Error
            && let Some(check) = &mut self.space.nonfinite
            && check.is_due()
            && let Some(error) = check.read()
        {
            self.space.nonfinite = None;
            return Err(error.into());
        }
        Ok(())
    }

    /// The gradients that the loop starts from, as they were.
    fn restored_start(&mut self) -> Result<Gradients<E, D>, D::Err> {
        if !self.total.has_start() {
            return self.base.try_alloc_grads();
        }
        if let Some(start) = self.total.untouched() {
            return Ok(start);
        }
        let mut start = self.total.take();
        if let Some(backup) = &mut self.space.backup {
            self.vectors.copy(&self.base, &mut start, backup)?;
        }
        Ok(start)
    }

    /// On a device where reading means waiting: the buffers of `model` remain the new ones only if all was finite.
    fn take_buffers(&self, model: &mut M) -> Result<(), D::Err> {
        match &self.flags {
            Some(flags) => self.vectors.restore_buffers(model, &self.base, flags),
            None => Ok(()),
        }
    }
}
