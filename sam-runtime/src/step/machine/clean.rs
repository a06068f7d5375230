use dfdx::{prelude::*, tensor::Gradients};

use super::{
    Running, Step,
    running::{Chunk, First},
    zeroed,
};
use crate::step::{
    NonFinite, StepError,
    error::Failure,
    tensors::{blend_buffers, parameter_ids, take_parameters},
};

impl<M, E, D> Step<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    /// Cuts the batch into chunks of these sizes.
    pub(crate) fn cut(&mut self, rows: &[usize]) {
        self.random.chunks = rows.len();
        self.running(|running, _, report| {
            let batch: usize = rows.iter().sum();
            if batch == 0 {
                return Err(StepError::Empty.into());
            }
            report.chunks = rows.len();
            running.chunks = rows
                .iter()
                .map(|&rows| Chunk::new(rows as f64 / batch as f64))
                .collect();
            Ok(())
        });
    }

    /// The first pass runs on this share of the batch. Not where it is the base optimizer's: then it must run on all.
    pub(crate) fn begin_on_share(&mut self, share: f64) -> bool {
        self.running(|running, _, _| {
            let is_sam = !running.is_plain();
            if is_sam {
                running.first_share = share;
            }
            Ok(is_sam)
        })
        .unwrap_or(false)
    }

    /// Keeps the gradients that the loop starts from: they take no part in the ascent.
    pub(crate) fn keep(&mut self, start: Gradients<E, D>) {
        self.running(|running, _, _| running.keep(start).map_err(Failure::Device));
    }

    /// The gradients that a tape of the clean pass begins with, in the place of `start`.
    pub(crate) fn start(&mut self, start: Gradients<E, D>) -> Gradients<E, D> {
        if !self.has_replay() {
            let mut start = start;
            self.running(|running, _, _| running.lend(&mut start).map_err(Failure::Device));
            return start;
        }
        self.running(|running, _, _| {
            let is_first = !running.total.has_start();
            running.keep(start).map_err(Failure::Device)?;
            // dfdx merges tapes: what a second one brings takes the place of what the first one has.
            match is_first {
                true => running.clean_start().map_err(Failure::Device),
                false => Ok(Gradients::leaky()),
            }
        })
        .unwrap_or_else(Gradients::leaky)
    }

    /// Zeroed gradients for a clean pass.
    pub(crate) fn clean_start(&mut self) -> Gradients<E, D> {
        self.running(|running, _, _| running.clean_start().map_err(Failure::Device))
            .unwrap_or_else(Gradients::leaky)
    }

    /// The model for the clean pass of a chunk: `model`, with the buffers of this chunk.
    pub(crate) fn chunk_model(&mut self, model: &M, chunk: usize) -> M {
        let mut chunk_model = (self.copy)(model);
        self.running(|running, copy, _| {
            running.find_first(chunk, copy)?;
            let Some(chunk) = running.chunks.get(chunk) else {
                return Ok(());
            };
            if let Some(before) = &chunk.advanced {
                blend_buffers(&mut chunk_model, before, 0.0, 1.0).map_err(Failure::Device)?;
            }
            match &chunk.first {
                First::At(first) => {
                    take_parameters(&mut chunk_model, first).map_err(Failure::Device)
                }
                _ => Ok(()),
            }
        });
        chunk_model
    }

    /// The model for a first pass that doesn't run at the weights of `model`.
    pub(crate) fn first_model(&mut self, model: &M) -> Option<M> {
        let copy = self.chunk_model(model, 0);
        self.running(|running, _, _| Ok(matches!(running.chunks[0].first, First::At(_))))?
            .then_some(copy)
    }

    /// Keeps the model that the clean pass of a chunk has left.
    pub(crate) fn advanced(&mut self, model: &M, chunk: usize) {
        self.running(|running, copy, _| {
            if let Some(chunk) = running.chunks.get_mut(chunk) {
                chunk.advanced = Some(copy(model));
            }
            Ok(())
        });
    }

    /// Writes the mean of the chunks' buffers into `model`, and what else it keeps from the first chunk.
    pub(crate) fn write_back(&mut self, model: &mut M) {
        let mean = self.running(|running, copy, _| running.mean(copy).map_err(Failure::Device));
        if let Some(Some(mean)) = mean {
            *model = mean;
        }
    }
}

impl<M, E, D> Running<M, E, D>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn keep(&mut self, mut start: Gradients<E, D>) -> Result<(), D::Err> {
        self.back_up(&mut start)?;
        self.total.begin(start);
        Ok(())
    }

    /// The plain step: `start` itself is what its tape begins with.
    fn lend(&mut self, start: &mut Gradients<E, D>) -> Result<(), D::Err> {
        if !self.total.has_start() {
            self.back_up(start)?;
            self.total.begin_lent();
        }
        Ok(())
    }

    /// Copies the starting gradients, where they may have to come back.
    fn back_up(&mut self, start: &mut Gradients<E, D>) -> Result<(), D::Err> {
        if self.settings.nonfinite == NonFinite::Error && self.flags.is_none() {
            return Ok(());
        }
        let backup = self.space.backup.get_or_insert_with(Gradients::leaky);
        self.vectors.copy(&self.base, backup, start)
    }

    pub(super) fn clean_start(&mut self) -> Result<Gradients<E, D>, D::Err> {
        // The chunks' tapes are there together, and one of them gets the kept memory: the others allocate theirs
        // when they are run backward, one after the other.
        match self.space.clean.take() {
            None if self.is_cut() => {
                let mut gradients = Gradients::leaky();
                gradients.retain_leafs(&parameter_ids(&self.base)?);
                Ok(gradients)
            }
            kept => zeroed(kept, &self.base),
        }
    }

    /// The first chunk's model with the mean of the chunks' buffers; `None` where a chunk was not run.
    fn mean(&self, copy: fn(&M) -> M) -> Result<Option<M>, D::Err> {
        let mut chunks = self.chunks.iter();
        let Some((first, mut so_far)) = chunks
            .next()
            .and_then(|c| Some((c.advanced.as_ref()?, c.share)))
        else {
            return Ok(None);
        };
        let mut mean = copy(first);
        for chunk in chunks {
            let Some(model) = &chunk.advanced else {
                return Ok(None);
            };
            let all = so_far + chunk.share;
            blend_buffers(&mut mean, model, so_far / all, chunk.share / all)?;
            so_far = all;
        }
        if self
            .chunks
            .iter()
            .any(|chunk| matches!(chunk.first, First::At(_)))
        {
            take_parameters(&mut mean, &self.base)?;
        }
        Ok(Some(mean))
    }
}
