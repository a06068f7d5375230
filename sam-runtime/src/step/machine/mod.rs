//! The step as a machine: it takes the clean gradient, hands out a model at `w + e`, takes the gradient of
//! the slice's replay there, and ends with the SAM gradient. The attribute's expansion and
//! [`Sam`](super::Sam) both drive it.
//!
//! | file | what |
//! |---|---|
//! | `running` | what a step has while its passes are taken |
//! | `clean` | the clean pass: its starting gradients, the chunks of a batch |
//! | `ascent` | from the clean gradient to the model at `w + e` |
//! | `replay` | the second pass, and its gradient |
//! | `finish` | how a step ends |
//! | `total` | the gradients that it ends with |
//! | `part` | the machines of chunks that run at once, and how they are joined |

mod ascent;
mod clean;
mod finish;
mod part;
mod replay;
mod running;
mod total;

use dfdx::{prelude::*, tensor::Gradients};

use super::{
    Settings, StepReport,
    error::Failure,
    random_state::RandomStates,
    report::LazyLoss,
    tensors::{blend_buffers, take_parameters},
};
use crate::device::vectors::zero_gradients;
pub(crate) use part::{Found, Part};
use running::Running;

/// One SAM step (Algorithm 1 of the paper) over one batch.
pub(crate) struct Step<M, E: Dtype, D: Device<E>> {
    /// Makes a copy of a model that shares its weights and tensor ids.
    copy: fn(&M) -> M,
    random: RandomStates<D>,
    report: StepReport,
    state: State<M, E, D>,
}

#[allow(clippy::large_enum_variant)]
enum State<M, E: Dtype, D: Device<E>> {
    /// Passes are taken.
    Running(Running<M, E, D>),
    /// No gradient comes of the step any more.
    Failed {
        /// The model as it was when the step began.
        base: M,
        failure: Failure<D::Err>,
    },
    /// It has ended.
    Over,
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
        let mut random = RandomStates::default();
        let mut report = StepReport {
            chunks: 1,
            ..Default::default()
        };
        let state = match Running::begin(copy(model), settings, site, &mut random, &mut report) {
            Ok(running) => State::Running(running),
            Err((base, failure)) => State::Failed { base, failure },
        };
        Self {
            copy,
            random,
            report,
            state,
        }
    }

    /// Ends the step with this failure; nothing more is run again. Of several failures the first one counts.
    fn fail(&mut self, failure: Failure<D::Err>) {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Running(running) => State::Failed {
                base: running.put_back(),
                failure,
            },
            other => other,
        };
    }

    /// Ends the step with an error of the user's `try_backward`.
    pub(crate) fn fail_backward(&mut self, error: D::Err) {
        self.fail(Failure::Device(error));
    }

    /// What `act` makes of a running step; `None` where the step has failed, or fails now.
    fn running<R>(
        &mut self,
        act: impl FnOnce(&mut Running<M, E, D>, fn(&M) -> M, &mut StepReport) -> Outcome<R, D>,
    ) -> Option<R> {
        let State::Running(running) = &mut self.state else {
            return None;
        };
        match act(running, self.copy, &mut self.report) {
            Ok(result) => Some(result),
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }

    /// Whether there is a second pass, which draws the random numbers of the first one.
    fn has_replay(&self) -> bool {
        matches!(&self.state, State::Running(running) if !running.is_plain())
    }

    /// Gives the buffers of `model` back as they were: the step gives no gradient.
    pub(crate) fn give_up(&mut self, model: &mut M) {
        self.random.settle();
        self.random.go_on();
        let base = match std::mem::replace(&mut self.state, State::Over) {
            State::Running(running) => running.put_back(),
            State::Failed { base, .. } => base,
            State::Over => return,
        };
        // A device that fails here has failed already.
        let _ = blend_buffers(model, &base, 0.0, 1.0);
    }

    /// Whether random numbers are not simply drawn one after the other: a second pass draws those of the first one, or another
    /// rank those that follow.
    pub(crate) fn keeps_random_states(&self) -> bool {
        self.has_replay() || self.random.follows()
    }

    /// Before line `line` of the slice runs in the clean pass.
    pub(crate) fn mark(&mut self, line: usize, chunk: usize) {
        if self.keeps_random_states() {
            self.random.mark(line, chunk);
        }
    }

    /// Behind the input of a site, which is not evaluated again.
    pub(crate) fn mark_again(&mut self) {
        if self.keeps_random_states() {
            self.random.mark_again();
        }
    }

    /// Behind a line of the slice that has run on all chunks.
    pub(crate) fn go_on(&mut self) {
        self.random.go_on();
    }

    /// A device that the slice may draw from.
    pub(crate) fn meet(&mut self, device: &D) {
        if self.keeps_random_states() {
            self.random.meet(device);
        }
    }

    /// Before line `line` runs again.
    pub(crate) fn rewind(&mut self, line: usize, chunk: usize) {
        self.random.rewind(line, chunk);
    }

    /// A copy of the model that shares its weights.
    pub(crate) fn copied(&self, model: &M) -> M {
        (self.copy)(model)
    }

    /// `found`, at the weights of `current`.
    pub(crate) fn carried(&mut self, current: &M, mut found: M) -> M {
        if let Err(error) = take_parameters(&mut found, current) {
            self.fail(Failure::Device(error));
        }
        found
    }

    /// Notes the loss of a pass over a chunk.
    pub(crate) fn note_loss(&mut self, loss: LazyLoss, chunk: usize, perturbed: bool) {
        self.running(|running, _, report| {
            let noted = (running.share(chunk), loss);
            match perturbed {
                false => report.clean.push(noted),
                true => running.note_perturbed(noted, chunk, &mut report.perturbed),
            }
            Ok(())
        });
    }
}

/// A result, or why the step fails.
type Outcome<R, D> = Result<R, Failure<<D as HasErr>::Err>>;

/// Gradients of zeros: those that were kept, or new ones.
fn zeroed<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    kept: Option<Gradients<E, D>>,
    model: &M,
) -> Result<Gradients<E, D>, D::Err> {
    match kept {
        Some(mut gradients) => zero_gradients(model, &mut gradients).map(|()| gradients),
        None => model.try_alloc_grads(),
    }
}

/// A step that an early exit drops keeps its memory for the next one.
impl<M, E: Dtype, D: Device<E>> Drop for Step<M, E, D> {
    fn drop(&mut self) {
        if let State::Running(running) = std::mem::replace(&mut self.state, State::Over) {
            drop(running.put_back());
        }
    }
}
