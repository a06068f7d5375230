use dfdx::{prelude::*, tensor::Gradients};

use super::{Outcome, Running, Step, running::Now, zeroed};
use crate::{
    device::Norm,
    step::{
        StepError,
        error::{Failure, Pass},
    },
};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// The gradients that the tape of a replay begins with.
    pub(crate) fn again(&mut self) -> Gradients<E, D> {
        self.running(|running, _, _| running.again().map_err(Failure::Device))
            .unwrap_or_else(Gradients::leaky)
    }

    /// Takes the gradient of a replay, and the model that it ran on. The model of one more pass, if there is one.
    pub(crate) fn absorb(
        &mut self,
        model: &M,
        gradients: Gradients<E, D>,
        chunk: usize,
    ) -> Option<M> {
        self.random.settle();
        self.running(|running, copy, report| {
            report.gradients += running.share(chunk);
            running.absorb(model, gradients, chunk, copy)
        })
        .flatten()
    }
}

impl<M, E, D> Running<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn again(&mut self) -> Result<Gradients<E, D>, D::Err> {
        let is_cut = self.is_cut();
        let Now::Replay {
            reach,
            has_tape,
            asked,
        } = &mut self.pass
        else {
            // The clean pass of a further chunk runs what a replay runs.
            return self.clean_start();
        };
        // A second tape brings nothing: see `start`.
        if std::mem::replace(has_tape, true) {
            return Ok(Gradients::leaky());
        }
        let mut gradients = match is_cut || asked.is_some() {
            true => zeroed(self.space.perturbed.take(), &self.base)?,
            // Straight into the starting gradients: then one chunk is exactly plain dfdx.
            false => self.total.lend(),
        };
        if let Some(reach) = reach {
            reach.swap_in(&self.base, &mut gradients)?;
        }
        Ok(gradients)
    }

    fn absorb(
        &mut self,
        model: &M,
        mut gradients: Gradients<E, D>,
        chunk: usize,
        copy: fn(&M) -> M,
    ) -> Outcome<Option<M>, D> {
        let (reach, asked) = match std::mem::replace(&mut self.pass, Now::Clean) {
            Now::Replay { reach, asked, .. } => (reach, asked),
            Now::Clean => (None, None),
        };
        let (weights, missed) = match reach {
            Some(reach) => {
                let missed = reach.swap_out(&self.base, &mut gradients, &self.vectors);
                (
                    &mut self.space.own_weights,
                    missed.map_err(Failure::Device)?,
                )
            }
            None => (&mut self.space.weights, Vec::new()),
        };
        weights.reclaim(model).map_err(Failure::Device)?;
        if !missed.is_empty() {
            return Err(StepError::NotPerturbed { parameters: missed }.into());
        }
        self.checked(&mut gradients, Norm::L2, Pass::Perturbed)
            .map_err(Failure::Device)?;
        if let Some((passes, dual)) = asked {
            self.space.perturbed = self.space.clean.take();
            if self.nonfinite.is_some() {
                self.space.clean = Some(gradients);
                return Ok(None);
            }
            self.zero_frozen(&mut gradients)?;
            return self.ask(gradients, chunk, passes + 1, dual, copy);
        }
        if !self.is_cut() {
            self.total.put(gradients);
            return Ok(None);
        }
        self.add(&mut gradients, chunk).map_err(Failure::Device)?;
        self.space.perturbed = Some(gradients);
        Ok(None)
    }
}
