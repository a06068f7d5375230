//! The step as a machine: it takes the clean gradient, hands out a model at `w + e`, takes the gradient of
//! the slice's replay there, and ends with the SAM gradient. The attribute's expansion and
//! [`Sam`](super::Sam) both drive it.

mod outcome;

use dfdx::{nn::ZeroGrads, prelude::*, tensor::Gradients};

use super::{
    NonFinite, StepReport,
    error::{Failure, Pass as At, StepError},
    frozen::zero_frozen,
    marks::Marks,
    queued::{add_gradients, copy_gradients},
    reach::Reach,
    report::LazyLoss,
    settings::Settings,
    tensors::{GradientBuffers, blend_buffers, parameter_ids, try_device_of},
    watch::{self, Watch},
    workspace::{self, Workspace},
};
use crate::device::{DualNorm, Kernels, Norm, Notes, Queue, kernels};

/// One SAM step (Algorithm 1 of the paper) over one batch.
pub(crate) struct Step<M, E: Dtype, D: Device<E>> {
    settings: Settings,
    /// Makes a copy of a model that shares its weights and tensor ids.
    copy: fn(&M) -> M,
    /// The model as it was when the step began.
    base: Option<M>,
    kernels: Option<&'static dyn Kernels<E, D>>,
    space: Option<Workspace<E, D>>,
    /// The starting gradients, then the result. Away while a replay has them.
    total: Option<Gradients<E, D>>,
    has_start: bool,
    /// Whether a replay had `total`.
    touched: bool,
    /// Each chunk's share of the batch.
    shares: Vec<f64>,
    marks: Marks<D>,
    /// In chunks: the model after each chunk's clean pass so far.
    advanced: Vec<Option<M>>,
    reach: Option<Reach<E, D>>,
    /// Whether a replay runs, and whether a tape of it has begun.
    is_replay: bool,
    is_replaying: bool,
    site: &'static str,
    norms: Vec<DualNorm>,
    /// On a device with a queue: what this step finds.
    notes: Option<Notes>,
    failure: Option<Failure<D::Err>>,
    /// The first non-finite gradient. Later chunks still run their clean pass.
    nonfinite: Option<StepError>,
    report: StepReport,
}

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Begins a step on `model`. `site` names the place in the source.
    pub(crate) fn begin(
        model: &M,
        copy: fn(&M) -> M,
        settings: Settings,
        site: &'static str,
    ) -> Self {
        let mut step = Self {
            settings,
            copy,
            base: None,
            kernels: kernels(),
            space: None,
            total: None,
            has_start: false,
            touched: false,
            shares: vec![1.0],
            marks: Marks::default(),
            advanced: Vec::new(),
            reach: None,
            is_replay: false,
            is_replaying: false,
            site,
            norms: Vec::new(),
            notes: None,
            failure: None,
            nonfinite: None,
            report: StepReport {
                rho: settings.rho,
                chunks: 1,
                ..Default::default()
            },
        };
        if let Err(failure) = step.prepare(model) {
            step.fail(failure);
        }
        step
    }

    fn prepare(&mut self, model: &M) -> Result<(), Failure<D::Err>> {
        // First of all: whatever fails, the buffers can come back.
        let base = self.base.insert((self.copy)(model));
        let rho = self.settings.rho;
        if !(rho.is_finite() && rho >= 0.0) {
            return Err(StepError::Rho(rho).into());
        }
        self.settings.clip.check()?;
        let kernels = self.kernels.ok_or_else(StepError::unsupported::<E, D>)?;
        let ids = parameter_ids(base).map_err(Failure::Device)?;
        let mut space = workspace::take(ids);
        if let Some(device) = try_device_of(base).map_err(Failure::Device)? {
            if rho > 0.0 {
                self.marks.meet(&device);
            }
            if let Some(queue) = kernels.queue() {
                self.watch(&device, queue, &mut space)
                    .map_err(Failure::Device)?;
            }
        }
        self.space = Some(space);
        Ok(())
    }

    /// Has the device note what is not finite.
    fn watch(
        &mut self,
        device: &D,
        queue: &dyn Queue<E, D>,
        space: &mut Workspace<E, D>,
    ) -> Result<(), D::Err> {
        let zeros = |len| queue.zeros(device, len);
        if space.watch.is_none() {
            space.watch = Some(Watch::new(zeros)?);
        }
        if let Some(watch) = &space.watch {
            self.notes = Some(watch.notes(zeros(1)?));
            self.report.waited = Some(watch.waited());
        }
        Ok(())
    }

    /// Cuts the batch into chunks of these sizes.
    pub(crate) fn cut(&mut self, rows: &[usize]) {
        let batch: usize = rows.iter().sum();
        if batch == 0 {
            self.fail(StepError::Empty.into());
        }
        self.shares = rows
            .iter()
            .map(|&rows| rows as f64 / batch as f64)
            .collect();
        self.advanced = rows.iter().map(|_| None).collect();
        self.report.chunks = rows.len();
    }

    /// Gives the buffers of `model` back as they were: the step gives no gradient.
    pub(crate) fn give_up(&mut self, model: &mut M) {
        self.marks.settle();
        self.marks.go_on();
        if let Some(base) = self.base.take() {
            // A device that fails here has failed already.
            let _ = blend_buffers(model, &base, 0.0, 1.0);
        }
    }

    /// Whether rho is 0, so that the step is the base optimizer's, or that it has failed already.
    fn is_plain(&self) -> bool {
        self.settings.rho == 0.0 || self.failure.is_some()
    }

    /// Keeps the gradients that the loop starts from: they take no part in the ascent.
    pub(crate) fn keep(&mut self, mut start: Gradients<E, D>) {
        self.back_up(&mut start);
        self.total = Some(start);
        self.has_start = true;
    }

    /// Copies the starting gradients, where they may have to come back.
    fn back_up(&mut self, start: &mut Gradients<E, D>) {
        let may_come_back = self.settings.nonfinite == NonFinite::Skip || self.notes.is_some();
        if let (true, None, Some(space), Some(base)) =
            (may_come_back, &self.failure, &mut self.space, &self.base)
        {
            let kernels = self.kernels.expect("checked when the step began");
            let backup = space.backup.get_or_insert_with(Gradients::leaky);
            if let Err(error) = copy_gradients(base, backup, start, kernels) {
                self.fail(Failure::Device(error));
            }
        }
    }

    /// The gradients that a tape of the clean pass begins with, in the place of `start`.
    pub(crate) fn start(&mut self, mut start: Gradients<E, D>) -> Gradients<E, D> {
        let is_first = !self.has_start;
        if self.is_plain() {
            if is_first {
                self.back_up(&mut start);
                self.has_start = true;
            }
            return start;
        }
        self.keep(start);
        // dfdx merges tapes: what a second one brings takes the place of what the first one has.
        if is_first {
            self.clean_start()
        } else {
            Gradients::leaky()
        }
    }

    /// Zeroed gradients for a clean pass.
    pub(crate) fn clean_start(&mut self) -> Gradients<E, D> {
        let (Some(space), Some(base)) = (&mut self.space, &self.base) else {
            return Gradients::leaky();
        };
        // The chunks' tapes are there together, and one of them gets the kept memory: the others allocate theirs
        // when they are run backward, one after the other.
        let gradients = match space.clean.take() {
            None if self.shares.len() > 1 => parameter_ids(base).map(|ids| {
                let mut gradients = Gradients::leaky();
                gradients.retain_leafs(&ids);
                gradients
            }),
            kept => zeroed(kept, base),
        };
        match gradients {
            Ok(gradients) => gradients,
            Err(error) => {
                self.fail(Failure::Device(error));
                Gradients::leaky()
            }
        }
    }

    /// Before line `line` of the slice runs in the clean pass.
    pub(crate) fn mark(&mut self, line: usize, chunk: usize) {
        if !self.is_plain() {
            self.marks.mark(line, chunk);
        }
    }

    /// Behind a line of the slice that has run on all chunks.
    pub(crate) fn go_on(&mut self) {
        self.marks.go_on();
    }

    /// A device that the slice may draw from.
    pub(crate) fn meet(&mut self, device: &D) {
        if !self.is_plain() {
            self.marks.meet(device);
        }
    }

    /// Behind the input of a site, which is not evaluated again.
    pub(crate) fn mark_again(&mut self) {
        if !self.is_plain() {
            self.marks.mark_again();
        }
    }

    /// Before line `line` runs again.
    pub(crate) fn rewind(&mut self, line: usize, chunk: usize) {
        self.marks.rewind(line, chunk);
    }

    /// A copy of the model that shares its weights.
    pub(crate) fn copied(&self, model: &M) -> M {
        (self.copy)(model)
    }

    /// `found`, at the weights of `current`.
    pub(crate) fn carried(&mut self, current: &M, mut found: M) -> M {
        if let Err(error) = super::tensors::take_parameters(&mut found, current) {
            self.fail(Failure::Device(error));
        }
        found
    }

    /// The model for the clean pass of a chunk: `model`, with the buffers of this chunk.
    pub(crate) fn chunk_model(&mut self, model: &M, chunk: usize) -> M {
        let mut copy = (self.copy)(model);
        if let Some(Some(before)) = self.advanced.get(chunk)
            && let Err(error) = blend_buffers(&mut copy, before, 0.0, 1.0)
        {
            self.fail(Failure::Device(error));
        }
        copy
    }

    /// Keeps the model that the clean pass of a chunk has left.
    pub(crate) fn advanced(&mut self, model: &M, chunk: usize) {
        let copy = (self.copy)(model);
        if let Some(slot) = self.advanced.get_mut(chunk) {
            *slot = Some(copy);
        }
    }

    /// Writes the mean of the chunks' buffers into `model`, and what else it keeps from the first chunk.
    pub(crate) fn write_back(&mut self, model: &mut M) {
        let Some(Some(first)) = self.advanced.first() else {
            return;
        };
        let mut mean = (self.copy)(first);
        let mut so_far = self.shares[0];
        for (chunk, share) in self.advanced.iter().zip(&self.shares).skip(1) {
            let Some(chunk) = chunk else {
                return;
            };
            let all = so_far + share;
            if let Err(error) = blend_buffers(&mut mean, chunk, so_far / all, share / all) {
                return self.fail(Failure::Device(error));
            }
            so_far = all;
        }
        *model = mean;
    }

    /// Notes the loss of a pass over a chunk.
    pub(crate) fn note_loss(&mut self, loss: LazyLoss, chunk: usize, perturbed: bool) {
        let losses = if perturbed {
            &mut self.report.perturbed
        } else {
            &mut self.report.clean
        };
        losses.push((self.shares.get(chunk).copied().unwrap_or(1.0), loss));
    }

    /// The ascent: from the clean gradient of a chunk to a model at `w + e`; `None` where there is nothing
    /// to be run again.
    pub(crate) fn climb(&mut self, gradients: Gradients<E, D>, chunk: usize) -> Option<M> {
        if self.is_plain() {
            if let Err(error) = self.take_plain(gradients, chunk) {
                self.fail(Failure::Device(error));
            }
            return None;
        }
        match self.try_climb(gradients, chunk) {
            Ok(copy) => copy,
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }

    /// Takes the gradient of the base optimizer's step: the result, but for that of a chunk.
    fn take_plain(&mut self, mut gradients: Gradients<E, D>, chunk: usize) -> Result<(), D::Err> {
        if self.failure.is_none() {
            self.checked(&mut gradients, Norm::L2, At::Clean)?;
        }
        if self.shares.len() > 1 {
            return self.add(&mut gradients, chunk);
        }
        self.total = Some(gradients);
        self.touched = true;
        Ok(())
    }

    /// Adds the gradient of a chunk to the result.
    fn add(&mut self, gradients: &mut Gradients<E, D>, chunk: usize) -> Result<(), D::Err> {
        let (Some(base), Some(kernels)) = (&self.base, self.kernels) else {
            return Ok(());
        };
        let total = match &mut self.total {
            Some(total) => total,
            none => none.insert(zeroed(None, base)?),
        };
        self.touched = true;
        add_gradients(base, total, gradients, self.shares[chunk], kernels)
    }

    /// The dual norm of a pass's gradient. One that is not finite is noted, on the device or here.
    fn checked(
        &mut self,
        gradients: &mut Gradients<E, D>,
        norm: Norm,
        pass: At,
    ) -> Result<DualNorm, D::Err> {
        let kernels = self.kernels.expect("checked when the step began");
        let model = self.base.as_ref().expect("there while the step runs");
        let notes = self
            .notes
            .as_ref()
            .map(|notes| (notes, watch::number(pass)));
        let dual = kernels.dual_norm(&mut GradientBuffers { model, gradients }, norm, notes)?;
        if self.notes.is_none() && !dual.value().is_finite() {
            let norm = dual.value();
            self.nonfinite
                .get_or_insert(StepError::NonFinite { pass, norm });
        }
        Ok(dual)
    }

    fn try_climb(
        &mut self,
        mut gradients: Gradients<E, D>,
        chunk: usize,
    ) -> Result<Option<M>, Failure<D::Err>> {
        if let (Some(is_frozen), Some(base)) = (self.settings.frozen, &self.base) {
            zero_frozen(base, &mut gradients, is_frozen).map_err(Failure::Device)?;
        }
        let dual = self
            .checked(&mut gradients, self.settings.norm, At::Clean)
            .map_err(Failure::Device)?;
        self.norms.push(dual.clone());
        let kernels = self.kernels.expect("checked when the step began");
        let (Some(base), Some(space)) = (&self.base, &mut self.space) else {
            return Ok(None);
        };
        if self.nonfinite.is_some() {
            space.clean = Some(gradients);
            return Ok(None);
        }
        let mut perturbed = (self.copy)(base);
        let is_cheap = kernels.queue().is_none();
        let is_checked = chunk == 0 && space.is_to_be_checked(self.site, is_cheap);
        let weights = if is_checked {
            &mut space.own_weights
        } else {
            &mut space.weights
        };
        weights
            .displace(
                &mut perturbed,
                base,
                &mut gradients,
                &dual,
                self.settings.rho,
                kernels,
            )
            .map_err(Failure::Device)?;
        space.clean = Some(gradients);
        self.reach = match is_checked {
            true => Some(Reach::of(&perturbed).map_err(Failure::Device)?),
            false => None,
        };
        self.is_replay = true;
        self.is_replaying = false;
        Ok(Some(perturbed))
    }

    /// The gradients that the tape of a replay begins with.
    pub(crate) fn again(&mut self) -> Gradients<E, D> {
        match self.try_again() {
            Ok(gradients) => gradients,
            Err(error) => {
                self.fail(Failure::Device(error));
                Gradients::leaky()
            }
        }
    }

    fn try_again(&mut self) -> Result<Gradients<E, D>, D::Err> {
        if !self.is_replay {
            // The clean pass of a further chunk runs what a replay runs.
            return Ok(self.clean_start());
        }
        let (Some(space), Some(base)) = (&mut self.space, &self.base) else {
            return Ok(Gradients::leaky());
        };
        // A second tape brings nothing: see `start`.
        let is_first = !std::mem::replace(&mut self.is_replaying, true);
        if !is_first {
            return Ok(Gradients::leaky());
        }
        let mut gradients = if self.shares.len() > 1 {
            zeroed(space.perturbed.take(), base)?
        } else {
            match self.total.take() {
                // Straight into the starting gradients: then one chunk is exactly plain dfdx.
                Some(total) => {
                    self.touched = true;
                    total
                }
                None => Gradients::leaky(),
            }
        };
        if let Some(reach) = self.reach.as_ref().filter(|_| is_first) {
            reach.swap_in(base, &mut gradients)?;
        }
        Ok(gradients)
    }

    /// Takes the gradient of a replay, and the model that it ran on.
    pub(crate) fn absorb(&mut self, model: &M, gradients: Gradients<E, D>, chunk: usize) {
        self.marks.settle();
        self.is_replay = false;
        if let Err(failure) = self.try_absorb(model, gradients, chunk) {
            self.fail(failure);
        }
    }

    fn try_absorb(
        &mut self,
        model: &M,
        mut gradients: Gradients<E, D>,
        chunk: usize,
    ) -> Result<(), Failure<D::Err>> {
        let kernels = self.kernels.expect("checked when the step began");
        let (Some(base), Some(space)) = (&self.base, &mut self.space) else {
            return Ok(());
        };
        if let Some(reach) = self.reach.take() {
            let missed = reach
                .swap_out(base, &mut gradients, kernels)
                .map_err(Failure::Device)?;
            space.own_weights.reclaim(model).map_err(Failure::Device)?;
            if !missed.is_empty() {
                self.total = Some(gradients);
                return Err(StepError::NotPerturbed { parameters: missed }.into());
            }
        } else {
            space.weights.reclaim(model).map_err(Failure::Device)?;
        }
        self.checked(&mut gradients, Norm::L2, At::Perturbed)
            .map_err(Failure::Device)?;
        if self.shares.len() == 1 {
            self.total = Some(gradients);
            return Ok(());
        }
        self.add(&mut gradients, chunk).map_err(Failure::Device)?;
        if let Some(space) = &mut self.space {
            space.perturbed = Some(gradients);
        }
        Ok(())
    }
}

fn zeroed<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    kept: Option<Gradients<E, D>>,
    model: &M,
) -> Result<Gradients<E, D>, D::Err> {
    match kept {
        Some(mut gradients) => model.try_zero_grads(&mut gradients).map(|()| gradients),
        None => model.try_alloc_grads(),
    }
}

impl<M, E: Dtype, D: Device<E>> Drop for Step<M, E, D> {
    fn drop(&mut self) {
        if let Some(space) = self.space.take() {
            workspace::keep(space);
        }
    }
}
