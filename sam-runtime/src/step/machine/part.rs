//! Chunks that run at once: each has a machine of its own, on whichever thread it runs, and the step joins in their order
//! what these have found.

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    State, Step,
    running::{Chunk, First, OfPart, Running},
};
use crate::{
    device::DualNorm,
    step::{
        Settings, StepError, StepReport,
        error::Failure,
        memory::Memory,
        random_state::RandomStates,
        report::LazyLoss,
        tensors::{parameter_ids, take_parameters},
        workspace::{self, Workspace},
    },
};

/// What the machine of one chunk begins with.
pub(crate) struct Part<M, E: Dtype, D: Device<E>> {
    copy: fn(&M) -> M,
    settings: Settings,
    site: &'static str,
    memory: Memory<E, D>,
    of: OfPart,
}

/// What the machine of one chunk has found. Numbers, where a report has what can't leave its thread.
pub(crate) struct Found<M, E: Dtype, D: Device<E>> {
    result: Result<Chunk<M>, Failure<D::Err>>,
    nonfinite: Option<StepError>,
    /// What the method keeps of this chunk from step to step.
    memory: Vec<Gradients<E, D>>,
    gradient: Gradients<E, D>,
    has_gradient: bool,
    clean: Vec<f64>,
    perturbed: Vec<f64>,
    norms: Vec<f64>,
    /// Gradients that it took.
    passes: usize,
}

impl<M, E, D> Part<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// The machine, on the thread that is to run it: its one chunk has number 0.
    pub(crate) fn begin(self, model: &M) -> Step<M, E, D> {
        let base = (self.copy)(model);
        let begun = Running::begin_part(base, self.settings, self.site, self.memory, self.of);
        Step {
            copy: self.copy,
            random: RandomStates::default(),
            report: StepReport::default(),
            state: match begun {
                Ok(running) => State::Running(running),
                Err((base, failure)) => State::Failed { base, failure },
            },
        }
    }
}

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// For the machine of the chunk with this number; `None` where the step has failed.
    pub(crate) fn part(&mut self, number: usize) -> Option<Part<M, E, D>> {
        self.running(|running, copy, _| {
            let mut memory = Memory::new(Vec::new());
            memory.of_method = running.memory.of_method;
            let is_sam = !running.is_plain();
            if is_sam {
                let vectors = std::mem::take(running.memory.of_chunk(number));
                memory.vectors.push(vectors);
            }
            let is_cheap = running.flags.is_none();
            let is_first = is_sam && number == 0;
            Ok(Part {
                copy,
                settings: running.settings.clone(),
                site: running.site,
                memory,
                of: OfPart {
                    number: running.number(number),
                    share: running.share(number),
                    is_checked: is_first && running.space.is_to_be_checked(running.site, is_cheap),
                },
            })
        })
    }

    /// Memory for the gradient of a chunk.
    pub(crate) fn spare(&mut self) -> Gradients<E, D> {
        let kept = self.running(|running, _, _| Ok(running.space.parts.pop()));
        kept.flatten().unwrap_or_else(Gradients::leaky)
    }

    /// In the machine of a chunk: the gradient that it ends with is put there.
    pub(crate) fn end_in(&mut self, memory: Gradients<E, D>) {
        if let State::Running(running) = &mut self.state {
            running.total.begin_apart(memory);
        }
    }

    /// Ends the machine of a chunk, which took so many gradients.
    pub(crate) fn found(mut self, passes: usize) -> Found<M, E, D> {
        let report = std::mem::take(&mut self.report);
        let read = |losses: &[(f64, LazyLoss)]| losses.iter().map(|(_, loss)| loss()).collect();
        let mut found = Found {
            result: Err(Failure::Step(StepError::Empty)),
            nonfinite: None,
            memory: Vec::new(),
            gradient: Gradients::leaky(),
            has_gradient: false,
            clean: read(&report.clean),
            perturbed: read(&report.perturbed),
            norms: report.norms.iter().map(|(norm, _)| norm.value()).collect(),
            passes,
        };
        match std::mem::replace(&mut self.state, State::Over) {
            State::Running(mut running) => {
                found.result = running.chunk().map_err(Failure::Device);
                found.nonfinite = running.nonfinite.take();
                found.memory = std::mem::take(running.memory.of_chunk(0));
                (found.gradient, found.has_gradient) = running.total.end_apart();
                drop(running.put_back());
            }
            State::Failed { failure, .. } => found.result = Err(failure),
            State::Over => {}
        }
        found
    }

    /// Joins what the machine of a chunk has found: the chunks come in their order.
    pub(crate) fn join(&mut self, number: usize, mut found: Found<M, E, D>) {
        self.running(|running, _, report| {
            running.chunks[number] = found.result?;
            let share = running.share(number);
            // One after the other, a chunk behind a gradient that is not finite runs its clean pass alone.
            let is_over = running.nonfinite.is_some();
            let noted = |value: f64| -> (f64, LazyLoss) { (share, Box::new(move || value)) };
            let norm = running.settings.norm;
            let norms = found.norms.into_iter();
            report.clean.extend(found.clean.into_iter().map(noted));
            report
                .norms
                .extend(norms.map(|value| (DualNorm::known(norm, value), share)));
            if !is_over {
                report
                    .perturbed
                    .extend(found.perturbed.into_iter().map(noted));
            }
            // Added up as they are one after the other, to the bit.
            for _ in 0..if is_over { 1 } else { found.passes } {
                report.gradients += share;
            }
            if !running.is_plain() {
                *running.memory.of_chunk(number) = found.memory;
            }
            if found.has_gradient && !is_over {
                running
                    .add(&mut found.gradient, number)
                    .map_err(Failure::Device)?;
            }
            running.space.parts.push(found.gradient);
            running.nonfinite = running.nonfinite.take().or(found.nonfinite);
            Ok(())
        });
    }

    /// In the machine of a chunk: the model that its clean pass has left so far, at the weights of the step.
    pub(crate) fn left(&mut self) -> Option<M> {
        self.running(|running, copy, _| {
            let chunk = running.chunks.first();
            let Some((advanced, first)) =
                chunk.and_then(|c| Some((c.advanced.as_ref()?, &c.first)))
            else {
                return Ok(None);
            };
            let mut left = copy(advanced);
            if let First::At(_) = first {
                take_parameters(&mut left, &running.base).map_err(Failure::Device)?;
            }
            Ok(Some(left))
        })
        .flatten()
    }

    /// In the machine of a chunk, before a line runs: takes the memory that the chunks of a thread have in turns.
    pub(crate) fn wake(&mut self) {
        self.running(|running, _, _| {
            if running.space.is_none() {
                let ids = parameter_ids(&running.base).map_err(Failure::Device)?;
                running.space = workspace::take(ids);
            }
            Ok(())
        });
    }

    /// Behind the line: gives it back.
    pub(crate) fn rest(&mut self) {
        if let State::Running(running) = &mut self.state {
            workspace::keep(std::mem::replace(&mut running.space, Workspace::none()));
        }
    }

    /// A copy of the model as the step found it.
    pub(crate) fn base(&mut self) -> Option<M> {
        self.running(|running, copy, _| Ok(copy(&running.base)))
    }

    /// The devices that the slice may draw from, as far as they are known.
    pub(crate) fn devices(&self) -> &[D] {
        self.random.devices()
    }

    /// Ends the step with this error.
    pub(crate) fn refuse(&mut self, error: StepError) {
        self.fail(error.into());
    }

    /// The device of the model; `None` where it has no parameters, or the step has failed.
    pub(crate) fn device(&self) -> Option<&D> {
        match &self.state {
            State::Running(running) => running.vectors.device.as_ref(),
            _ => None,
        }
    }
}

impl<M, E, D> Running<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// The one chunk, whose model is at the weights of the step again.
    fn chunk(&mut self) -> Result<Chunk<M>, D::Err> {
        let mut chunk = self.chunks.swap_remove(0);
        if let (First::At(_), Some(advanced)) = (&chunk.first, &mut chunk.advanced) {
            take_parameters(advanced, &self.base)?;
            chunk.first = First::Here;
        }
        Ok(chunk)
    }
}
