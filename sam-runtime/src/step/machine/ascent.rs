use dfdx::{prelude::*, tensor::Gradients};

use super::{
    Outcome, Running, Step,
    running::{Chunk, First, Now},
};
use crate::{
    device::{DualNorm, Norm},
    step::{
        Settings, StepReport,
        algebra::Ascent,
        error::{Failure, Pass},
        frozen::zero_frozen,
        methods::{Ball, LpSam, Method, Moment, Next},
        reach::Reach,
        weights::PerturbedWeights,
        when,
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
                .take_plain(gradients, chunk, report)
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
        report: &mut StepReport,
    ) -> Result<Option<M>, D::Err> {
        report.gradients += self.first_share * self.share(chunk);
        self.checked(&mut gradients, Norm::L2, Pass::Clean)?;
        // Straight from the tape that the loop's gradients were lent to, or a part that is added to them.
        match !self.is_cut() && self.total.is_free() {
            true => self.total.put(gradients),
            false => self.add(&mut gradients, chunk)?,
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
        report.gradients += self.first_share * self.share(chunk);
        self.end_first(chunk).map_err(Failure::Device)?;
        self.zero_frozen(&mut gradients)?;
        let norm = self.settings.norm;
        let dual = self
            .checked(&mut gradients, norm, Pass::Clean)
            .map_err(Failure::Device)?;
        report.norms.push((dual.clone(), self.share(chunk)));
        if self.nonfinite.is_some() {
            self.space.clean = Some(gradients);
            return Ok(None);
        }
        self.ask(gradients, chunk, 1, dual, copy)
    }

    pub(super) fn zero_frozen(
        &self,
        gradients: &mut Gradients<E, D>,
    ) -> Result<(), Failure<D::Err>> {
        match self.settings.frozen {
            Some(is_frozen) => {
                zero_frozen(&self.base, gradients, &is_frozen).map_err(Failure::Device)
            }
            None => Ok(()),
        }
    }

    /// Asks the method what follows a pass: the model of the next one, or `None` where the update is known.
    pub(super) fn ask(
        &mut self,
        mut gradients: Gradients<E, D>,
        chunk: usize,
        passes: usize,
        dual: DualNorm,
        copy: fn(&M) -> M,
    ) -> Outcome<Option<M>, D> {
        // Where reading means waiting, later steps are not checked again.
        let is_cheap = self.flags.is_none();
        let is_checked = passes == 1
            && match &self.part {
                Some(part) => part.is_checked,
                None => chunk == 0 && self.space.is_to_be_checked(self.site, is_cheap),
            };
        let (moment, share) = (self.moment(chunk, passes), self.share(chunk));
        let method = self.settings.method.clone();
        let method: &dyn Method = method.as_deref().unwrap_or(&LpSam::ONE_STEP);
        let mut ascent = Ascent {
            model: &self.base,
            vectors: &self.vectors,
            gradient: &mut gradients,
            gradient_norm: dual.clone(),
            state: self.memory.of_chunk(chunk),
            scratch: &mut self.space.scratch,
            failure: None,
        };
        let (perturbation, asked) = match method.next(moment, &mut ascent) {
            Next::Last(perturbation) => (perturbation, None),
            Next::Pass(perturbation) => (perturbation, Some((passes, dual))),
            Next::Update(update) => {
                let update = ascent.vector(update)?;
                self.total
                    .add(&self.base, &self.vectors, update, share)
                    .map_err(Failure::Device)?;
                self.space.clean = Some(gradients);
                return Ok(None);
            }
        };
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
            asked,
        };
        Ok(Some(perturbed))
    }

    /// Finds out where the first pass over a chunk runs.
    pub(super) fn find_first(&mut self, chunk: usize, copy: fn(&M) -> M) -> Outcome<(), D> {
        let is_known = |chunk: &Chunk<M>| !matches!(chunk.first, First::Unknown);
        if self.chunks.get(chunk).is_none_or(is_known) {
            return Ok(());
        }
        self.chunks[chunk].first = First::Here;
        let Some(method) = self.settings.method.clone().filter(|_| !self.is_plain()) else {
            return Ok(());
        };
        let moment = self.moment(chunk, 0);
        let mut none = Gradients::leaky();
        let mut ascent = Ascent {
            model: &self.base,
            vectors: &self.vectors,
            gradient: &mut none,
            gradient_norm: DualNorm::of_nothing(self.settings.norm),
            state: self.memory.of_chunk(chunk),
            scratch: &mut self.space.scratch,
            failure: None,
        };
        let Some(perturbation) = method.first(moment, &mut ascent) else {
            return Ok(());
        };
        let e = ascent.end(perturbation)?;
        let kept = &mut self.space.first_weights;
        if kept.len() <= chunk {
            kept.resize_with(chunk + 1, PerturbedWeights::default);
        }
        let mut first = copy(&self.base);
        kept[chunk]
            .displace(&mut first, &self.base, e, &self.vectors)
            .map_err(Failure::Device)?;
        self.chunks[chunk].first = First::At(first);
        Ok(())
    }

    /// Takes back the memory of the weights of a first pass.
    fn end_first(&mut self, chunk: usize) -> Result<(), D::Err> {
        let kept = self.space.first_weights.get_mut(chunk);
        match (self.chunks.get(chunk).map(|chunk| &chunk.first), kept) {
            (Some(First::At(first)), Some(kept)) => kept.reclaim(first),
            _ => Ok(()),
        }
    }

    fn moment(&self, chunk: usize, passes: usize) -> Moment {
        let Settings { rho, norm, .. } = self.settings;
        let step = self.memory.of_method;
        Moment {
            passes,
            step,
            ball: Ball { rho, norm },
            random: when::random(step, self.number(chunk)),
        }
    }
}
