//! The step as a machine: it hands out passes, takes their gradients back, and ends with the SAM
//! gradient. The attribute's expansion and [`Sam`](super::Sam) both drive it.

mod outcome;

use dfdx::{nn::ZeroGrads, prelude::*, tensor::Gradients};

use super::{
    NonFinite, StepReport,
    error::{Failure, Pass as At, StepError},
    pass::{Kind, Pass, Settings},
    queued::{add_gradients, copy_gradients},
    seeds,
    tensors::{GradientBuffers, blend_buffers, first_parameter, parameter_ids},
    watch::{self, Watch},
    workspace::{self, Workspace},
};
use crate::device::{DualNorm, Fork, Kernels, Norm, Notes, Queue, fork, kernels, twins};

/// One SAM step (Algorithm 1 of the paper) over one batch.
pub(crate) struct Step<M, E: Dtype, D: Device<E>> {
    settings: Settings,
    /// A clone that shares the model's weights and tensor ids.
    base: M,
    kernels: Option<&'static dyn Kernels<E, D>>,
    space: Option<Workspace<E, D>>,
    /// The model's first parameter, if it has one.
    id: Option<UniqueId>,
    /// The starting gradients, then the result. Away while a pass has them.
    total: Option<Gradients<E, D>>,
    /// Whether `total` was added to.
    touched: bool,
    /// Each chunk's share of the batch.
    shares: Vec<f64>,
    next: Option<(Kind, usize)>,
    seed: u64,
    perturbed: Option<M>,
    /// The buffers after the clean passes so far, and their share of the batch.
    advanced: Option<(M, f64)>,
    norms: Vec<DualNorm>,
    /// On a device with a queue: what this step finds.
    notes: Option<Notes>,
    failure: Option<Failure<D::Err>>,
    /// The first non-finite gradient. Later chunks still run their clean pass, for the observers.
    nonfinite: Option<StepError>,
    report: StepReport,
}

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D> + Clone,
    E: Dtype,
    D: Device<E>,
{
    /// Begins a step on `model`, whose gradient will be added to `start`. `rows` are the sizes of
    /// the chunks, one for a batch that is not cut.
    pub(crate) fn begin(
        model: &M,
        start: Gradients<E, D>,
        settings: Settings,
        rows: &[usize],
    ) -> Self {
        let batch: usize = rows.iter().sum();
        let kind = if settings.rho == 0.0 {
            Kind::Plain
        } else {
            Kind::Clean
        };
        let mut step = Self {
            settings,
            base: model.clone(),
            kernels: kernels(),
            space: None,
            id: None,
            total: Some(start),
            touched: false,
            shares: rows
                .iter()
                .map(|&rows| rows as f64 / batch as f64)
                .collect(),
            next: Some((kind, 0)),
            seed: 0,
            perturbed: None,
            advanced: None,
            norms: Vec::new(),
            notes: None,
            failure: None,
            nonfinite: None,
            report: StepReport {
                rho: settings.rho,
                chunks: rows.len(),
                ..Default::default()
            },
        };
        if let Err(failure) = step.prepare(batch) {
            step.fail(failure);
        }
        step
    }

    fn prepare(&mut self, batch: usize) -> Result<(), Failure<D::Err>> {
        let rho = self.settings.rho;
        if !(rho.is_finite() && rho >= 0.0) {
            return Err(StepError::Rho(rho).into());
        }
        if batch == 0 {
            return Err(StepError::Empty.into());
        }
        self.settings.clip.check()?;
        let kernels = self.kernels.ok_or_else(StepError::unsupported::<E, D>)?;
        let ids = parameter_ids(&self.base).map_err(Failure::Device)?;
        self.id = ids.first().copied();
        let mut space = workspace::take(ids);
        if let (true, Some(queue)) = (rho > 0.0, kernels.queue()) {
            self.watch(queue, &mut space).map_err(Failure::Device)?;
        }
        let may_come_back =
            rho > 0.0 && (self.settings.nonfinite == NonFinite::Skip || kernels.queue().is_some());
        if let (true, Some(start)) = (may_come_back, &mut self.total) {
            let backup = space.backup.get_or_insert_with(Gradients::leaky);
            copy_gradients(&self.base, backup, start, kernels).map_err(Failure::Device)?;
        }
        self.space = Some(space);
        Ok(())
    }

    /// Has the device note what is not finite.
    fn watch(
        &mut self,
        queue: &dyn Queue<E, D>,
        space: &mut Workspace<E, D>,
    ) -> Result<(), D::Err> {
        let Some((device, _)) = first_parameter(&self.base, false)? else {
            return Ok(());
        };
        let zeros = |len| queue.zeros(&device, len);
        if space.watch.is_none() {
            space.watch = Some(Watch::new(zeros)?);
        }
        if let Some(watch) = &space.watch {
            self.notes = Some(watch.notes(zeros(1)?));
            self.report.waited = Some(watch.waited());
        }
        Ok(())
    }

    /// Whether rho is 0, so that the step is the base optimizer's.
    pub(crate) fn is_plain(&self) -> bool {
        self.settings.rho == 0.0
    }

    /// The next pass to run, or `None` at the end of the step.
    pub(crate) fn next_pass(&mut self) -> Option<Pass<M, E, D>> {
        let (kind, chunk) = self.next?;
        match self.pass(kind, chunk) {
            Ok(pass) => Some(pass),
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }

    fn pass(&mut self, kind: Kind, chunk: usize) -> Result<Pass<M, E, D>, Failure<D::Err>> {
        let space = self
            .space
            .as_mut()
            .expect("a step that was prepared has a workspace");
        let alone = self.shares.len() == 1;
        let zeroed = |kept: Option<Gradients<E, D>>, model: &M| match kept {
            Some(mut gradients) => model.try_zero_grads(&mut gradients).map(|()| gradients),
            None => model.try_alloc_grads(),
        };
        let gradients = match kind {
            Kind::Clean => zeroed(space.clean.take(), &self.base),
            // Straight into the starting gradients: then one chunk is exactly plain dfdx.
            Kind::Plain | Kind::Perturbed if alone => {
                self.touched = true;
                Ok(self.total.take().expect("the starting gradients are here"))
            }
            Kind::Plain | Kind::Perturbed => zeroed(space.perturbed.take(), &self.base),
        };
        let model = match kind {
            Kind::Plain | Kind::Clean => self.base.clone(),
            Kind::Perturbed => self.perturbed.take().expect("a clean pass came before"),
        };
        Ok(Pass {
            kind,
            chunk,
            model: Some(model),
            gradients: Some(gradients.map_err(Failure::Device)?),
            fork: self.fork(kind).map_err(Failure::Device)?,
            loss: None,
        })
    }

    /// The device for the inputs of a pass.
    fn fork(&mut self, kind: Kind) -> Result<Option<Fork>, D::Err> {
        if kind == Kind::Plain {
            return Ok(None);
        }
        let space = self.space.as_mut().expect("a workspace");
        if let (Kind::Clean, Some(id)) = (kind, self.id) {
            self.seed = seeds::next(&self.base, id)?;
            let (seed, drawn) = seeds::of_twins(id);
            if space.twins.as_ref().is_none_or(|t| t.seed() != seed)
                && let Some((device, _)) = first_parameter(&self.base, false)?
            {
                space.twins = twins(&device, seed, drawn);
            }
        }
        Ok(match &mut space.twins {
            Some(twins) => Some(twins.fork(kind == Kind::Perturbed)),
            None => fork::<D>(self.seed),
        })
    }

    /// Notes what a pass has drawn from its fork.
    fn note_draws(&mut self, kind: Kind, fork: &Fork) {
        let Some(id) = self.id else {
            return;
        };
        let space = self.space.as_mut().expect("a workspace");
        let has_drawn = match &mut space.twins {
            Some(twins) => {
                let count = twins.settle(kind == Kind::Perturbed);
                let position = count.map(|_| twins.position());
                if kind == Kind::Perturbed || position.is_some() {
                    seeds::note_drawn(id, position);
                }
                count != Some(0)
            }
            None => kind == Kind::Clean && fork.was_drawn_from(),
        };
        if has_drawn {
            seeds::note_draw(id);
        }
    }

    /// Takes the gradient of a pass, and the copy of the model that it ran on.
    pub(crate) fn absorb(&mut self, pass: Pass<M, E, D>, model: &M, gradients: Gradients<E, D>) {
        if let Err(failure) = self.try_absorb(pass, model, gradients) {
            self.fail(failure);
        }
    }

    fn try_absorb(
        &mut self,
        pass: Pass<M, E, D>,
        model: &M,
        gradients: Gradients<E, D>,
    ) -> Result<(), Failure<D::Err>> {
        let (kind, chunk) = (pass.kind, pass.chunk);
        let share = self.shares[chunk];
        self.next = (chunk + 1 < self.shares.len()).then_some((kind, chunk + 1));
        if let Some(loss) = pass.loss {
            let losses = match kind {
                Kind::Perturbed => &mut self.report.perturbed,
                Kind::Plain | Kind::Clean => &mut self.report.clean,
            };
            losses.push((share, loss));
        }
        if let Some(fork) = &pass.fork {
            self.note_draws(kind, fork);
        }
        match kind {
            Kind::Plain => {
                self.advance(model, share)?;
                self.add(gradients, share)
            }
            Kind::Clean => {
                let space = self.space.as_mut().expect("a workspace");
                space.clean = Some(gradients);
                self.advance(model, share)?;
                if self.nonfinite.is_none() {
                    self.climb(chunk)?;
                }
                Ok(())
            }
            Kind::Perturbed => {
                self.next = self.next.map(|(_, chunk)| (Kind::Clean, chunk));
                let space = self.space.as_mut().expect("a workspace");
                space.weights.reclaim(model).map_err(Failure::Device)?;
                self.add(gradients, share)
            }
        }
    }

    /// The ascent: from the clean gradient of `chunk` to a model at `w + e`.
    fn climb(&mut self, chunk: usize) -> Result<(), Failure<D::Err>> {
        let kernels = self.kernels.expect("checked when the step began");
        let space = self.space.as_mut().expect("a workspace");
        let gradients = space
            .clean
            .as_mut()
            .expect("the clean gradient was just put here");
        let mut buffers = GradientBuffers {
            model: &self.base,
            gradients,
        };
        let notes = noted(&self.notes, At::Clean);
        let dual = kernels
            .dual_norm(&mut buffers, self.settings.norm, notes)
            .map_err(Failure::Device)?;
        self.norms.push(dual.clone());
        if self.notes.is_none() && !dual.value().is_finite() {
            self.nonfinite = Some(StepError::NonFinite {
                pass: At::Clean,
                norm: dual.value(),
            });
            return Ok(());
        }
        let mut perturbed = self.base.clone();
        let rho = self.settings.rho;
        space
            .weights
            .displace(&mut perturbed, gradients, &dual, rho, kernels)
            .map_err(Failure::Device)?;
        self.perturbed = Some(perturbed);
        self.next = Some((Kind::Perturbed, chunk));
        Ok(())
    }

    /// Adds a chunk's gradient to the result.
    fn add(&mut self, mut gradients: Gradients<E, D>, share: f64) -> Result<(), Failure<D::Err>> {
        let kernels = self.kernels.expect("checked when the step began");
        if !self.is_plain() {
            let mut buffers = GradientBuffers {
                model: &self.base,
                gradients: &mut gradients,
            };
            let notes = noted(&self.notes, At::Perturbed);
            let dual = kernels
                .dual_norm(&mut buffers, Norm::L2, notes)
                .map_err(Failure::Device)?;
            if self.notes.is_none() && !dual.value().is_finite() {
                self.nonfinite = Some(StepError::NonFinite {
                    pass: At::Perturbed,
                    norm: dual.value(),
                });
            }
        }
        if self.shares.len() == 1 {
            self.total = Some(gradients);
            return Ok(());
        }
        self.touched = true;
        let total = self.total.as_mut().expect("no pass has the result");
        add_gradients(&self.base, total, &mut gradients, share, kernels)
            .map_err(Failure::Device)?;
        self.space.as_mut().expect("a workspace").perturbed = Some(gradients);
        Ok(())
    }

    /// Notes where a clean pass has left the buffers: their running mean over the chunks.
    fn advance(&mut self, model: &M, share: f64) -> Result<(), Failure<D::Err>> {
        match &mut self.advanced {
            None => self.advanced = Some((model.clone(), share)),
            Some((mean, so_far)) => {
                let all = *so_far + share;
                blend_buffers(mean, model, *so_far / all, share / all).map_err(Failure::Device)?;
                *so_far = all;
            }
        }
        Ok(())
    }
}

/// The notes for a norm that is taken in this pass.
fn noted(notes: &Option<Notes>, pass: At) -> Option<(&Notes, f64)> {
    notes.as_ref().map(|notes| (notes, watch::number(pass)))
}

impl<M, E: Dtype, D: Device<E>> Drop for Step<M, E, D> {
    fn drop(&mut self) {
        if let Some(space) = self.space.take() {
            workspace::keep(space);
        }
    }
}
