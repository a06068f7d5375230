//! One run of the slice.

use dfdx::{prelude::*, tensor::Gradients};

use super::{Clip, NonFinite, report::LazyLoss};
use crate::device::{Fork, Norm};

/// What the keys of the attribute say about one step.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Radius of the neighbourhood; 0 is the base optimizer.
    pub rho: f64,
    /// Norm of the neighbourhood.
    pub norm: Norm,
    /// What a NaN or infinite gradient does.
    pub nonfinite: NonFinite,
    /// Bounds of the final gradient.
    pub clip: Clip,
}

impl Settings {
    /// The same, with the final gradient's norm bounded.
    #[must_use]
    pub fn clip(mut self, norm: f64) -> Self {
        self.clip.norm = Some(norm);
        self
    }

    /// The same, with each element of the final gradient bounded.
    #[must_use]
    pub fn clip_value(mut self, value: f64) -> Self {
        self.clip.value = Some(value);
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// rho = 0: the base optimizer's only pass.
    Plain,
    Clean,
    Perturbed,
}

/// One run of the slice: which model, which chunk, which gradients to start from.
pub struct Pass<M, E: Dtype, D: Device<E>> {
    pub(super) kind: Kind,
    pub(super) chunk: usize,
    pub(super) model: Option<M>,
    pub(super) gradients: Option<Gradients<E, D>>,
    pub(super) fork: Option<Fork>,
    pub(super) loss: Option<LazyLoss>,
}

impl<M, E: Dtype, D: Device<E>> Pass<M, E, D> {
    /// The model of this pass; to be taken once.
    pub fn model(&mut self) -> M {
        self.model.take().expect("a pass has one model")
    }

    /// The gradients that the tape of this pass starts from; to be taken once.
    pub fn gradients(&mut self) -> Gradients<E, D> {
        self.gradients
            .take()
            .expect("a pass has one set of gradients")
    }

    /// The index of the chunk that this pass is about.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Whether what the slice computes is what the loop's observers see.
    pub fn is_observed(&self) -> bool {
        self.kind != Kind::Perturbed
    }

    /// The device for this pass's inputs, so that both passes draw the same random numbers.
    pub fn fork(&self) -> Option<&Fork> {
        self.fork.as_ref()
    }

    /// Notes the loss for the report.
    pub(crate) fn note_loss(&mut self, loss: LazyLoss) {
        self.loss = Some(loss);
    }
}
