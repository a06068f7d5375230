//! With `clip`: the updates that bound their gradient themselves. Where the gradients of several backward passes
//! add up to an update, the bounds are those of their sum.

use syn::ItemFn;

use super::{
    prune,
    sites::{Frame, Site},
    updates,
};
use crate::{
    errors::Errors,
    plan::{BoundedUpdate, id_of},
};

/// Whether each gradient of this pass goes to an update before the next pass: the update is in the same block,
/// and nothing on the way leaves it.
pub(super) fn follows<'a>(backward: &Site<'a>, updates: &[&Site<'a>], others: &[Site<'a>]) -> bool {
    let [update] = updates else {
        return false;
    };
    let (Some(Frame::Block(block, from)), Some(Frame::Block(same, to))) =
        (backward.stack.last(), update.stack.last())
    else {
        return false;
    };
    let is_between = |other: &Site<'a>| backward.order < other.order && other.order < update.order;
    std::ptr::eq(*block, *same)
        && from <= to
        && !others.iter().any(is_between)
        && !block.stmts[*from..*to]
            .iter()
            .skip(1)
            .any(|stmt| prune::leaves(stmt) || prune::has_unknown_macro(stmt))
}

/// These updates, as the expansion must know them.
pub(super) fn bounded(item: &ItemFn, updates: &[&Site<'_>]) -> Vec<BoundedUpdate> {
    let bounded = |site: &&Site<'_>| {
        // What can't be read was refused with its step.
        let model = updates::from_update(item, site, &mut Errors::default())?;
        let in_closure = site
            .stack
            .iter()
            .any(|frame| matches!(frame, Frame::Closure(_)));
        Some(BoundedUpdate {
            call: id_of(site.call),
            model,
            in_closure,
        })
    };
    updates.iter().filter_map(bounded).collect()
}
