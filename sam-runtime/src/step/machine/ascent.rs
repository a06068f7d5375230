use dfdx::{prelude::*, tensor::Gradients};

use super::{Outcome, Running, Step, running::Now};
use crate::{
    device::Norm,
    step::{
        Settings, StepReport,
        algebra::Ascent,
        error::{Failure, Pass},
        frozen::zero_frozen,
        methods::{Ball, LpSam, Method},
        reach::Reach,
    },
};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// The ascent: from the clean gradient of a chunk to a model at `w + e`; `None` where there is nothing
    /// to be run again.
    pub(crate) fn climb(&mut self, gradients: Gradients<E, D>, chunk: usize) -> Option<M> {
        self.running(|running, copy, report| match running.is_plain() {
            true => running
                .take_plain(gradients, chunk)
                .map_err(Failure::Device),
            false => running.climb(gradients, chunk, copy, report),
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
    /// Takes the gradient of the base optimizer's step: the result, but for that of a chunk.
    fn take_plain(
        &mut self,
        mut gradients: Gradients<E, D>,
        chunk: usize,
    ) -> Result<Option<M>, D::Err> {
        self.checked(&mut gradients, Norm::L2, Pass::Clean)?;
        match self.is_cut() {
            true => self.add(&mut gradients, chunk)?,
            false => self.total.put(gradients),
        }
        Ok(None)
    }

    fn climb(
        &mut self,
        mut gradients: Gradients<E, D>,
        chunk: usize,
        copy: fn(&M) -> M,
        report: &mut StepReport,
    ) -> Outcome<Option<M>, D> {
        let Settings { rho, norm, .. } = self.settings;
        if let Some(is_frozen) = self.settings.frozen {
            zero_frozen(&self.base, &mut gradients, &is_frozen).map_err(Failure::Device)?;
        }
        let dual = self
            .checked(&mut gradients, norm, Pass::Clean)
            .map_err(Failure::Device)?;
        report.norms.push((dual.clone(), self.share(chunk)));
        if self.nonfinite.is_some() {
            self.space.clean = Some(gradients);
            return Ok(None);
        }
        // Where reading means waiting, later steps are not checked again.
        let is_cheap = self.flags.is_none();
        let is_checked = chunk == 0 && self.space.is_to_be_checked(self.site, is_cheap);
        let method: &dyn Method = match &self.settings.method {
            Some(method) => &**method,
            None => &LpSam,
        };
        let mut ascent = Ascent::new(
            &self.base,
            &self.vectors,
            &mut gradients,
            dual,
            &mut self.space.state,
        );
        let perturbation = method.perturbation(&mut ascent, Ball { rho, norm });
        let e = ascent.end(perturbation)?;
        let mut perturbed = copy(&self.base);
        let weights = match is_checked {
            true => &mut self.space.own_weights,
            false => &mut self.space.weights,
        };
        weights
            .displace(&mut perturbed, &self.base, e, &self.vectors)
            .map_err(Failure::Device)?;
        self.space.clean = Some(gradients);
        let reach = match is_checked {
            true => Some(Reach::of(&perturbed).map_err(Failure::Device)?),
            false => None,
        };
        self.pass = Now::Replay {
            reach,
            has_tape: false,
        };
        Ok(Some(perturbed))
    }
}
