//! Memory that a step needs and the next one uses again, kept per thread.
//!
//! A function under the attribute may be called once per batch, so its own stack can't keep it.

use std::{any::Any, cell::RefCell};

use dfdx::{
    prelude::*,
    tensor::{Gradients, UniqueId},
};

use super::{watch::Watch, weights::PerturbedWeights};
use crate::device::Twins;

/// Scratch memory for one model.
pub(super) struct Workspace<E: Dtype, D: Device<E>> {
    /// The parameters that the memory was made for.
    ids: Vec<UniqueId>,
    /// The clean gradient, then the perturbation.
    pub(super) clean: Option<Gradients<E, D>>,
    /// The perturbed gradient of one chunk, where there are several.
    pub(super) perturbed: Option<Gradients<E, D>>,
    /// The starting gradients, where they may have to come back.
    pub(super) backup: Option<Gradients<E, D>>,
    pub(super) weights: PerturbedWeights<E>,
    /// On a device with a queue.
    pub(super) watch: Option<Watch>,
    /// On a device whose forks take long to make.
    pub(super) twins: Option<Box<dyn Twins>>,
}

impl<E: Dtype, D: Device<E>> Workspace<E, D> {
    fn new(ids: Vec<UniqueId>) -> Self {
        Self {
            ids,
            clean: None,
            perturbed: None,
            backup: None,
            weights: PerturbedWeights::default(),
            watch: None,
            twins: None,
        }
    }
}

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
    // A thread that is ending has no pool any more; then the memory is simply freed.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.insert(0, Box::new(space));
        pool.truncate(KEPT);
    });
}

/// Frees the memory that SAM steps on this thread keep for the next step: one set of gradients and
/// one set of weights for each of the last two models.
///
/// ```
/// // Training is done, and the program goes on to something else.
/// sam_runtime::step::release_memory();
/// ```
pub fn release_memory() {
    POOL.with_borrow_mut(Vec::clear);
}
