//! What a line changes, by which names, and whether a tape may flow into it.

use proc_macro2::Ident;
use syn::Stmt;

use super::{
    path::Source,
    prune::{self, may_change},
};
use crate::{
    known::{LENDING, READING},
    source::{How, Place, Use, Uses},
};

/// What a line changes. A method may change what it is called on if the line is there for its effect and a
/// tape may flow into it: it uses up a value of the slice. Where only numbers flow, what it is called on is
/// recorded behind it.
pub(super) fn changed(
    source: Source<'_>,
    uses: &Uses<'_>,
    tainted: &[Place],
    begins: bool,
) -> Vec<Place> {
    let is_of_slice = |place: &Place| tainted.iter().any(|t| t.overlaps(place));
    let moves_tape = moves_tape(source, uses, tainted, begins);
    let changes = |u: &&Use| match &u.how {
        How::Set | How::Assign | How::AssignThrough | How::BorrowMut => true,
        How::Receiver(_) => {
            !source.is_let() && may_change(u) && (moves_tape || is_of_slice(&u.place))
        }
        How::Macro => !source.is_let(),
        How::Value => {
            matches!(source, Source::Stmt(Stmt::Macro(mac)) if !prune::only_prints(&mac.mac))
        }
        How::Borrow | How::Index | How::Call => false,
    };
    uses.all
        .iter()
        .filter(changes)
        .map(|u| u.place.clone())
        .collect()
}

/// Names by which places may be changed: `let list = &mut terms;`, `let last = terms.last_mut().unwrap();`.
pub(super) fn aliases(lines: &[(usize, Source<'_>)]) -> Vec<(Ident, Place)> {
    let lends = |how: &How| match how {
        How::BorrowMut => true,
        How::Receiver(method) => method.ends_with("_mut") || LENDING.has(method),
        _ => false,
    };
    let mut aliases = Vec::new();
    for (_, source) in lines.iter().filter(|(_, source)| source.is_let()) {
        for u in source.uses(&[]).all.iter().filter(|u| lends(&u.how)) {
            let names = source.binds().into_iter();
            aliases.extend(names.map(|name| (name, u.place.clone())));
        }
    }
    aliases
}

pub(super) fn with_aliases(mut changed: Vec<Place>, aliases: &[(Ident, Place)]) -> Vec<Place> {
    let mut at = 0;
    while at < changed.len() {
        let of = |alias: &&(Ident, Place)| changed[at].root == alias.0;
        let places = aliases.iter().filter(of).map(|(_, place)| place.clone());
        let new: Vec<Place> = places.filter(|place| !changed.contains(place)).collect();
        changed.extend(new);
        at += 1;
    }
    changed
}

/// Whether a tape may flow into what a line changes: `terms.push(loss)`, `terms.push(h.relu())`; not
/// `losses.push(loss.array())`.
pub(super) fn moves_tape(
    source: Source<'_>,
    uses: &Uses<'_>,
    tainted: &[Place],
    begins: bool,
) -> bool {
    let is_of_slice = |place: &Place| tainted.iter().any(|t| t.overlaps(place));
    let moves = |how: &How| match how {
        How::Value => true,
        How::Receiver(method) => method == "clone" || !READING.has(method),
        _ => false,
    };
    let moved = |u: &Use| moves(&u.how) && is_of_slice(&u.place);
    !source.is_let() && (begins || uses.all.iter().any(moved))
}
