//! Memory that a step needs and the next one uses again, kept per thread.
//!
//! A function under the attribute may be called once per batch, so its own stack can't keep it.

use std::{any::Any, cell::RefCell};

use dfdx::{
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use super::{nonfinite::NonFiniteCheck, weights::PerturbedWeights};

/// Scratch memory for one model.
pub(super) struct Workspace<E: Dtype, D: Device<E>> {
    /// The parameters that the memory was made for.
    ids: Vec<UniqueId>,
    /// The clean gradient, then the perturbation.
    pub(super) clean: Option<Gradients<E, D>>,
    /// The perturbed gradient of one chunk, where there are several.
    pub(super) perturbed: Option<Gradients<E, D>>,
    /// Those of chunks that run at once.
    pub(super) parts: Vec<Gradients<E, D>>,
    /// The starting gradients, where they may have to come back.
    pub(super) backup: Option<Gradients<E, D>>,
    pub(super) weights: PerturbedWeights<E>,
    /// The same with ids of their own, for steps that are checked.
    pub(super) own_weights: PerturbedWeights<E>,
    /// How many steps each place in the source has taken.
    steps: Vec<(&'static str, u32)>,
    /// The vectors that the method keeps from pass to pass.
    pub(super) scratch: Vec<Gradients<E, D>>,
    /// For each chunk, copies of those that it keeps from step to step, as they were before this one.
    pub(super) memory_backup: Vec<Vec<Gradients<E, D>>>,
    /// Of each chunk, the weights of a first pass that runs elsewhere than at the model's.
    pub(super) first_weights: Vec<PerturbedWeights<E>>,
    /// On a device where reading means waiting.
    pub(super) nonfinite: Option<NonFiniteCheck>,
}

impl<E: Dtype, D: Device<E>> Workspace<E, D> {
    /// None: for a step that waits for its next line.
    pub(super) fn none() -> Self {
        Self::new(Vec::new())
    }

    pub(super) fn is_none(&self) -> bool {
        self.ids.is_empty()
    }

    fn new(ids: Vec<UniqueId>) -> Self {
        Self {
            ids,
            clean: None,
            perturbed: None,
            parts: Vec::new(),
            backup: None,
            weights: PerturbedWeights::default(),
            own_weights: PerturbedWeights::with_own_ids(),
            steps: Vec::new(),
            scratch: Vec::new(),
            memory_backup: Vec::new(),
            first_weights: Vec::new(),
            nonfinite: None,
        }
    }
}

impl<E: Dtype, D: Device<E>> Workspace<E, D> {
    /// Whether the step that begins at `site` is to be checked: the first ones are and, where looking costs
    /// little, some later ones.
    pub(super) fn is_to_be_checked(&mut self, site: &'static str, is_cheap: bool) -> bool {
        let at = match self.steps.iter().position(|(known, _)| *known == site) {
            Some(at) => at,
            None => {
                self.steps.push((site, 0));
                self.steps.len() - 1
            }
        };
        let steps = &mut self.steps[at].1;
        let is_due = *steps < CHECKED || (is_cheap && steps.is_multiple_of(EVERY));
        *steps = steps.wrapping_add(1);
        is_due
    }
}

/// The first steps of each place in the source that are checked.
const CHECKED: u32 = 2;

/// Of the later ones, one in so many is.
const EVERY: u32 = 64;

/// Two models that are trained in turn keep their memory; a third one takes the place of the
/// model that was used longest ago.
const KEPT: usize = 2;

type Slot = Box<dyn Any>;

thread_local! {
    static POOL: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

/// The workspace of the model with these parameters, out of the pool if it is there.
pub(super) fn take<E: Dtype, D: Device<E>>(ids: Vec<UniqueId>) -> Workspace<E, D> {
    let kept = POOL.with_borrow_mut(|pool| {
        let is_ours = |slot: &Slot| {
            slot.downcast_ref::<Workspace<E, D>>()
                .is_some_and(|space| space.ids == ids)
        };
        pool.iter().position(is_ours).map(|at| pool.remove(at))
    });
    match kept.map(|space| space.downcast::<Workspace<E, D>>()) {
        Some(Ok(space)) => *space,
        _ => Workspace::new(ids),
    }
}

/// Gives a workspace back for the next step.
pub(super) fn keep<E: Dtype, D: Device<E>>(space: Workspace<E, D>) {
    if space.is_none() {
        return;
    }
    // A thread that is ending has no pool any more; then the memory is simply freed.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.insert(0, Box::new(space));
        pool.truncate(KEPT);
    });
}

/// Frees the memory that SAM steps on this thread keep for the next step: one set of gradients and
/// one set of weights for each of the last two models. That of chunks which run at once
/// ([`ParallelSam`](super::ParallelSam)) lies with the threads that run them, where it is freed as well.
///
/// ```
/// // Training is done, and the program goes on to something else.
/// sam_runtime::step::release_memory();
/// ```
pub fn release_memory() {
    POOL.with_borrow_mut(Vec::clear);
    rayon::broadcast(|_| POOL.with_borrow_mut(Vec::clear));
}
