use dfdx::{prelude::*, tensor::Gradients};

use super::zeroed;
use crate::step::vectors::ModelVectors;

/// The gradients that a step ends with: those that the loop starts from, and what the step adds.
pub(super) struct Total<E: Dtype, D: Device<E>> {
    /// Whether the loop has gradients to start from.
    has_start: bool,
    held: Held<E, D>,
}

enum Held<E: Dtype, D: Device<E>> {
    Nothing,
    /// The loop's, untouched.
    Start(Gradients<E, D>),
    /// A tape has them, and gathers into them.
    Lent,
    /// Something has been gathered.
    Sum(Gradients<E, D>),
    /// In the machine of one chunk: memory for its gradient, which its step adds to the others.
    Apart(Gradients<E, D>),
}

impl<E: Dtype, D: Device<E>> Default for Total<E, D> {
    fn default() -> Self {
        Self {
            has_start: false,
            held: Held::Nothing,
        }
    }
}

impl<E: Dtype, D: Device<E>> Total<E, D> {
    /// Begins with the loop's gradients.
    pub(super) fn begin(&mut self, start: Gradients<E, D>) {
        self.has_start = true;
        self.held = Held::Start(start);
    }

    /// The loop's gradients are on a tape from the start.
    pub(super) fn begin_lent(&mut self) {
        self.has_start = true;
        self.held = Held::Lent;
    }

    /// Begins in the machine of one chunk.
    pub(super) fn begin_apart(&mut self, memory: Gradients<E, D>) {
        self.held = Held::Apart(memory);
    }

    /// What the machine of one chunk ends with: memory, and whether it holds a gradient.
    pub(super) fn end_apart(&mut self) -> (Gradients<E, D>, bool) {
        let has_gradient = matches!(self.held, Held::Sum(_));
        (self.take(), has_gradient)
    }

    pub(super) fn has_start(&self) -> bool {
        self.has_start
    }

    /// Whether there are none, or a tape has them.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.held, Held::Nothing | Held::Lent)
    }

    /// Lends them to a tape.
    pub(super) fn lend(&mut self) -> Gradients<E, D> {
        self.replaced(Held::Lent).unwrap_or_else(Gradients::leaky)
    }

    /// Takes back what was lent.
    pub(super) fn put(&mut self, gradients: Gradients<E, D>) {
        self.held = Held::Sum(gradients);
    }

    /// Adds the gradient of a chunk with this share of the batch.
    pub(super) fn add<M: TensorCollection<E, D>>(
        &mut self,
        model: &M,
        vectors: &ModelVectors<E, D>,
        gradients: &mut Gradients<E, D>,
        share: f64,
    ) -> Result<(), D::Err> {
        if !matches!(self.held, Held::Apart(_)) {
            return vectors.add(model, self.gathering(model)?, gradients, share);
        }
        let mut memory = self.take();
        vectors.copy(model, &mut memory, gradients)?;
        self.held = Held::Sum(memory);
        Ok(())
    }

    /// The gradients to add to.
    fn gathering<M: TensorCollection<E, D>>(
        &mut self,
        model: &M,
    ) -> Result<&mut Gradients<E, D>, D::Err> {
        let gradients = match self.replaced(Held::Nothing) {
            Some(gradients) => gradients,
            None => zeroed(None, model)?,
        };
        self.held = Held::Sum(gradients);
        match &mut self.held {
            Held::Sum(gradients) => Ok(gradients),
            _ => unreachable!("it was set one line above"),
        }
    }

    /// The result.
    pub(super) fn take(&mut self) -> Gradients<E, D> {
        self.replaced(Held::Nothing)
            .unwrap_or_else(Gradients::leaky)
    }

    /// The gradients that are held, with this in their place.
    fn replaced(&mut self, by: Held<E, D>) -> Option<Gradients<E, D>> {
        match std::mem::replace(&mut self.held, by) {
            Held::Start(gradients) | Held::Sum(gradients) | Held::Apart(gradients) => {
                Some(gradients)
            }
            Held::Nothing | Held::Lent => None,
        }
    }

    /// The gradients to start from, if nothing was gathered into them since.
    pub(super) fn untouched(&mut self) -> Option<Gradients<E, D>> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Start(gradients) => Some(gradients),
            other => {
                self.held = other;
                None
            }
        }
    }
}
