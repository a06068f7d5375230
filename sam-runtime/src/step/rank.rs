//! Which of several ranks trains a model on this thread.

use std::cell::RefCell;

use dfdx::tensor::UniqueId;

thread_local! {
    /// By the ids of the parameters.
    static RANKS: RefCell<Vec<(Vec<UniqueId>, usize)>> = const { RefCell::new(Vec::new()) };
}

/// Models that are kept; one more takes the place of the one that was named longest ago.
const KEPT: usize = 64;

/// From now on the steps of the model with these parameters are those of this rank: their chunks follow those of the ranks before it,
/// and draw their random numbers as such.
pub(crate) fn set_rank(ids: Vec<UniqueId>, rank: usize) {
    RANKS.with_borrow_mut(|ranks| {
        ranks.retain(|(other, _)| *other != ids);
        ranks.insert(0, (ids, rank));
        ranks.truncate(KEPT);
    });
}

/// The rank whose steps are those of this model; 0 where nothing was said.
pub(super) fn rank_of(ids: &[UniqueId]) -> usize {
    RANKS.with_borrow(|ranks| {
        let found = ranks.iter().find(|(other, _)| other == ids);
        found.map_or(0, |(_, rank)| *rank)
    })
}
