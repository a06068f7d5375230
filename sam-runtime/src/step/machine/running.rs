use std::borrow::Cow;

use dfdx::{prelude::*, tensor::Gradients};

use super::{Outcome, total::Total};
use crate::{
    device::vectors::{DualNorm, NonFiniteFlags, Norm},
    step::{
        LazyLoss, NonFinite, Settings, StepError, StepReport,
        error::{Failure, Pass},
        memory::Memory,
        nonfinite::{self, NonFiniteCheck},
        random_state::RandomStates,
        rank::{Together, ranks_of},
        reach::Reach,
        tensors::parameter_ids,
        vectors::ModelVectors,
        workspace::{self, Workspace},
    },
};

/// What a step has while its passes are taken.
pub(super) struct Running<M, E: Dtype, D: Device<E>> {
    pub(super) settings: Settings,
    pub(super) site: &'static str,
    /// The model as it was when the step began.
    pub(super) base: M,
    pub(super) vectors: ModelVectors<E, D>,
    pub(super) space: Workspace<E, D>,
    /// What the method keeps from step to step.
    pub(super) memory: Memory<E, D>,
    /// Where several ranks train the model.
    pub(super) ranks: Option<Together>,
    /// Whether the workspace has a copy of its vectors.
    is_backed_up: bool,
    /// Whether the step has ended with a gradient of the method's; else what the method keeps is as it was before.
    pub(super) has_ended: bool,
    /// One for a batch that is not cut.
    pub(super) chunks: Vec<Chunk<M>>,
    /// What of the batch the first pass runs on.
    pub(super) first_share: f64,
    pub(super) total: Total<E, D>,
    pub(super) pass: Now<E, D>,
    /// On a device where reading means waiting: what this step notes there.
    pub(super) flags: Option<NonFiniteFlags>,
    /// The chunk whose loss of a replay was noted last.
    noted: Option<usize>,
    /// Elsewhere: the first non-finite gradient. Later chunks still run their clean pass.
    pub(super) nonfinite: Option<StepError>,
    /// Set in the machine of one chunk of several, which has number 0 here.
    pub(super) part: Option<OfPart>,
}

/// What the machine of one chunk knows of its step.
#[derive(Clone, Copy)]
pub(super) struct OfPart {
    /// The chunk's number among those of the step, and of all ranks.
    pub(super) number: usize,
    /// Its share of the batch.
    pub(super) share: f64,
    /// Whether its replay is checked.
    pub(super) is_checked: bool,
}

/// A part of the batch that gets a perturbation of its own.
pub(super) struct Chunk<M> {
    /// Its share of the batch.
    pub(super) share: f64,
    /// The model after its clean pass so far.
    pub(super) advanced: Option<M>,
    /// Where its first pass runs, once that is known.
    pub(super) first: First<M>,
}

/// Where a first pass runs.
pub(super) enum First<M> {
    Unknown,
    /// At the model's weights.
    Here,
    /// At those of this copy.
    At(M),
}

impl<M> Chunk<M> {
    pub(super) fn new(share: f64) -> Self {
        Self {
            share,
            advanced: None,
            first: First::Unknown,
        }
    }
}

/// The pass that runs.
pub(super) enum Now<E: Dtype, D: Device<E>> {
    Clean,
    Replay {
        /// Where the step is checked.
        reach: Option<Reach<E, D>>,
        /// Whether a tape of it has begun.
        has_tape: bool,
        /// What it follows, if the method is asked again after it: so many passes, of which the first one's gradient had
        /// this norm.
        asked: Option<(usize, DualNorm)>,
    },
}

impl<M, E, D> Running<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Begins with a copy of the model, which comes back where that fails.
    pub(super) fn begin(
        base: M,
        settings: Settings,
        site: &'static str,
        random: &mut RandomStates<D>,
        report: &mut StepReport,
    ) -> Result<Self, (M, Failure<D::Err>)> {
        let Prepared {
            vectors,
            space,
            memory,
            ranks,
        } = match prepared(&base, &settings) {
            Ok(prepared) => prepared,
            Err(failure) => return Err((base, failure)),
        };
        random.rank = ranks.as_ref().map_or(0, Together::rank);
        let mut settings = settings;
        if !settings.when.is_sam(memory.steps) {
            settings.rho = 0.0;
        }
        report.rho = settings.rho;
        report.method = match &settings.method {
            Some(_) => Cow::Owned(memory.method.clone()),
            None => Cow::Borrowed("LpSam"),
        };
        let device = vectors.device.clone();
        let mut running = Self::new(base, settings, site, (vectors, space), memory);
        running.ranks = ranks;
        if let Some(device) = device {
            if !running.is_plain() || random.follows() {
                random.meet(&device);
            }
            if let Err(error) = running
                .raise_flags(&device, report)
                .and_then(|()| running.back_up_memory())
            {
                return Err((running.put_back(), Failure::Device(error)));
            }
        }
        Ok(running)
    }

    fn new(
        base: M,
        settings: Settings,
        site: &'static str,
        (vectors, space): (ModelVectors<E, D>, Workspace<E, D>),
        memory: Memory<E, D>,
    ) -> Self {
        Self {
            settings,
            site,
            base,
            vectors,
            space,
            memory,
            ranks: None,
            is_backed_up: false,
            has_ended: false,
            chunks: vec![Chunk::new(1.0)],
            first_share: 1.0,
            total: Total::default(),
            pass: Now::Clean,
            flags: None,
            noted: None,
            nonfinite: None,
            part: None,
        }
    }

    /// Begins for one chunk of a step that runs already, on another thread.
    pub(super) fn begin_part(
        base: M,
        settings: Settings,
        site: &'static str,
        memory: Memory<E, D>,
        part: OfPart,
    ) -> Result<Self, (M, Failure<D::Err>)> {
        let found = ModelVectors::of(&base, settings.on)
            .and_then(|vectors| Ok((vectors, parameter_ids(&base).map_err(Failure::Device)?)));
        let (vectors, ids) = match found {
            Ok(found) => found,
            Err(failure) => return Err((base, failure)),
        };
        let spaces = (vectors, workspace::take(ids));
        let mut running = Self::new(base, settings, site, spaces, memory);
        running.chunks = vec![Chunk::new(part.share)];
        running.part = Some(part);
        Ok(running)
    }

    /// Has a device where reading means waiting note what is not finite.
    fn raise_flags(&mut self, device: &D, report: &mut StepReport) -> Result<(), D::Err> {
        let zeros = |len| self.vectors.on.scalars(device, len);
        if self.space.nonfinite.is_none() {
            self.space.nonfinite = zeros(nonfinite::NUMBERS)?.map(NonFiniteCheck::new);
        }
        if let (Some(check), Some(step)) = (&self.space.nonfinite, zeros(1)?) {
            report.flag = Some(step.clone());
            report.waited = Some(check.waited());
            self.flags = Some(check.flags(step));
        }
        Ok(())
    }

    /// Copies what the method keeps, where it may have to come back.
    fn back_up_memory(&mut self) -> Result<(), D::Err> {
        let is_error = self.settings.nonfinite == NonFinite::Error;
        if self.is_plain() || (self.flags.is_some() && is_error) {
            return Ok(());
        }
        let (backup, vectors) = (&mut self.space.memory_backup, &mut self.memory.vectors);
        backup.resize_with(vectors.len(), Vec::new);
        for (copies, vectors) in backup.iter_mut().zip(vectors) {
            copies.resize_with(vectors.len(), Gradients::leaky);
            for (copy, vector) in copies.iter_mut().zip(vectors) {
                self.vectors.copy(&self.base, copy, vector)?;
            }
        }
        self.is_backed_up = true;
        Ok(())
    }

    /// Whether rho is 0, so that the step is the base optimizer's.
    pub(super) fn is_plain(&self) -> bool {
        self.settings.rho == 0.0
    }

    pub(super) fn is_cut(&self) -> bool {
        self.chunks.len() > 1 || self.part.is_some()
    }

    /// A chunk's number among those of all ranks.
    pub(super) fn number(&self, chunk: usize) -> usize {
        match (&self.part, &self.ranks) {
            (Some(part), _) => part.number,
            (None, Some(ranks)) => ranks.rank() * self.chunks.len() + chunk,
            (None, None) => chunk,
        }
    }

    /// A chunk's share of the batch.
    pub(super) fn share(&self, chunk: usize) -> f64 {
        self.chunks.get(chunk).map_or(1.0, |chunk| chunk.share)
    }

    /// The dual norm of a pass's gradient, over the parameters that are perturbed. One that is not finite, at any
    /// parameter, is noted, on the device or here.
    pub(super) fn checked(
        &mut self,
        gradients: &mut Gradients<E, D>,
        norm: Norm,
        pass: Pass,
    ) -> Result<DualNorm, D::Err> {
        let flags = self.flags.as_ref();
        let flags = flags.map(|flags| (flags, nonfinite::code(pass)));
        let dual = self.vectors.dual_norm(&self.base, gradients, norm, flags)?;
        if flags.is_none() && !dual.value().is_finite() {
            let norm = dual.value();
            self.nonfinite
                .get_or_insert(StepError::NonFinite { pass, norm });
        }
        match (&self.vectors.perturbed, pass) {
            (Some(_), Pass::Clean) => self.vectors.perturbed_norm(&self.base, gradients, norm),
            _ => Ok(dual),
        }
    }

    /// Notes the loss of a replay, one for each chunk: that of the last replay, if the update takes its gradient; else that
    /// of the first, since others then run where a method needs them.
    pub(super) fn note_perturbed(
        &mut self,
        loss: (f64, LazyLoss),
        chunk: usize,
        losses: &mut Vec<(f64, LazyLoss)>,
    ) {
        let is_last = matches!(self.pass, Now::Replay { asked: None, .. });
        match losses.last_mut() {
            Some(known) if self.noted == Some(chunk) => {
                if is_last {
                    *known = loss;
                }
            }
            _ => losses.push(loss),
        }
        self.noted = Some(chunk);
    }

    /// Adds the gradient of a chunk to the result.
    pub(super) fn add(
        &mut self,
        gradients: &mut Gradients<E, D>,
        chunk: usize,
    ) -> Result<(), D::Err> {
        let share = self.share(chunk);
        self.total.add(&self.base, &self.vectors, gradients, share)
    }
}

impl<M, E: Dtype, D: Device<E>> Running<M, E, D> {
    /// Keeps memory for the next step; the model as this one found it.
    pub(super) fn put_back(mut self) -> M {
        if self.is_backed_up && !self.has_ended {
            std::mem::swap(&mut self.memory.vectors, &mut self.space.memory_backup);
        }
        workspace::keep(self.space);
        if self.part.is_none() && self.settings.has_memory() {
            self.memory.keep();
        }
        self.base
    }
}

/// What a step computes with, in, and goes by.
struct Prepared<E: Dtype, D: Device<E>> {
    vectors: ModelVectors<E, D>,
    space: Workspace<E, D>,
    memory: Memory<E, D>,
    ranks: Option<Together>,
}

fn prepared<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    base: &M,
    settings: &Settings,
) -> Outcome<Prepared<E, D>, D> {
    settings.check()?;
    let vectors = ModelVectors::of(base, settings.on)?;
    let ids = parameter_ids(base).map_err(Failure::Device)?;
    let mut memory = match settings.has_memory() {
        true => Memory::take(&ids),
        false => Memory::new(ids.clone()),
    };
    if let Some(method) = &settings.method {
        memory.of_method(&**method);
    }
    let ranks = ranks_of(&ids);
    let space = workspace::take(ids);
    Ok(Prepared {
        vectors,
        space,
        memory,
        ranks,
    })
}
