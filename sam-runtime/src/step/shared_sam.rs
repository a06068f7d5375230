//! The step as a function, with a clean pass on a share of the batch.

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    LossValue, Sam, Share, Step, StepError,
    sam::{BY_HAND, replays},
    share::first_beside,
};

/// [`Sam`] with a clean pass on a share of the batch: see [`Sam::ascent`].
#[derive(Clone, Debug)]
pub struct SharedSam {
    pub(super) sam: Sam,
    pub(super) share: f64,
}

impl SharedSam {
    /// One step, as [`Sam::step`]: `loss` gets the first samples of the batch, at least one, and then all of them.
    ///
    /// # Errors
    /// [`StepError::Method`] for a share that is not above 0 and up to 1, [`StepError::Rows`] where parts of the batch
    /// differ in their rows. Else see [`StepError`]; `model` is then as it was.
    pub fn step<M, E, D, B, L>(
        &self,
        model: &mut M,
        batch: B,
        start: Gradients<E, D>,
        mut loss: impl FnMut(&mut M, B::Part, Gradients<E, D>) -> L,
    ) -> Result<Gradients<E, D>, StepError>
    where
        M: TensorCollection<E, D> + Clone,
        E: Dtype,
        D: Device<E>,
        B: Share,
        L: Backward<E, D, Err = D::Err> + LossValue,
    {
        let share = self.share;
        if !(share > 0.0 && share <= 1.0) {
            let problem = format!("`ascent` is {share}, and must be above 0 and at most 1");
            return Err(StepError::Method(problem));
        }
        let all = batch.rows().filter(|rows| *rows > 0);
        let all = all.ok_or(StepError::Empty)?;
        let first = first_rows(all, share);
        let part = first_beside(&batch, first, all)?;
        let batch = first_beside(&batch, all, all)?;
        let mut step = Step::begin(model, M::clone, self.sam.settings.clone(), BY_HAND);
        let is_sam = step.begin_on_share(first as f64 / all as f64);
        let start = step.start(start);
        step.mark(0, 0);
        let part = if is_sam { part } else { batch.clone() };
        let clean = loss(model, part, start);
        replays(&mut step, clean, 0, |copy, start| {
            loss(copy, batch.clone(), start)
        });
        step.finish(Some(model)).map_err(StepError::from)
    }
}

/// How many samples of a batch that is not empty are a share of it: at least one.
pub(crate) fn first_rows(batch: usize, share: f64) -> usize {
    ((share * batch as f64).ceil().max(1.0) as usize).min(batch)
}
