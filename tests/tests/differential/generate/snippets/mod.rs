//! Statements that are not the step: what else stands in a loop. Each adds itself if what it needs is in scope.

mod borrowed;
mod closures;
mod containers;
mod guards;
mod inner;
mod interior;
mod numbers;
mod printing;
mod sites;

use rand::Rng;

use super::writer::{At, Writer};

pub(super) use guards::leave;

type Snippet = (&'static str, u32, fn(&mut Writer) -> Option<()>);

/// What people write, by how often.
const EVERYDAY: &[Snippet] = &[
    ("counter", 6, numbers::counter),
    ("sum", 6, numbers::sum),
    ("best", 3, numbers::best),
    ("flag", 2, numbers::flag),
    ("let", 4, numbers::value),
    ("conditional", 3, numbers::conditional),
    ("push", 5, containers::push),
    ("table", 3, containers::table),
    ("last value", 3, containers::maybe),
    ("meter", 5, containers::meter),
    ("schedule", 3, containers::schedule),
    ("print", 6, printing::print),
    ("log line", 4, printing::line),
    ("guard", 4, guards::guard),
    ("accuracy", 4, sites::accuracy),
    ("validation", 2, sites::validation),
    ("save", 2, sites::save),
    ("method that notes", 3, sites::note),
    ("progress bar", 3, printing::bar),
];

/// What the contract lists beside.
const BREAKING: &[Snippet] = &[
    ("destructuring assignment", 3, numbers::swap),
    ("shadowing", 3, numbers::shadow),
    ("queue", 4, containers::queue),
    ("drain", 3, containers::drain),
    ("stream", 3, containers::stream),
    ("draw", 4, containers::draw),
    ("cell", 3, interior::cell),
    ("RefCell", 4, interior::shared),
    ("Mutex", 4, interior::lock),
    ("atomic", 3, interior::atomic),
    ("channel", 4, interior::channel),
    ("lock guard", 3, borrowed::lock_guard),
    ("span", 3, borrowed::span),
    ("timer", 4, borrowed::timer),
    ("drop", 6, borrowed::dropped),
    ("reference", 3, borrowed::reference),
    ("inner for", 4, inner::for_loop),
    ("inner while", 3, inner::while_loop),
    ("search loop", 4, inner::search),
    ("labelled block", 3, inner::labelled_block),
    ("rejection", 3, inner::rejection),
    ("let-else", 4, guards::let_else),
    ("question mark", 4, guards::question_mark),
    ("hidden leave", 3, guards::in_macro),
    ("index that may fail", 1, guards::index),
    ("assert", 2, guards::assert),
    ("closure", 4, closures::called),
    ("closure kept", 3, closures::kept),
    ("cfg pair", 2, printing::cfg),
    ("format", 3, printing::format),
    ("callback", 4, closures::callback),
];

/// Writes up to so many statements.
pub(super) fn some(w: &mut Writer, at: At, most: u32) {
    w.at = at;
    for _ in 0..w.rng.gen_range(0..=most) {
        one(w);
    }
}

/// Writes one statement, if the one that is drawn can stand here.
pub(super) fn one(w: &mut Writer) {
    let table = if w.breaks(65) { BREAKING } else { EVERYDAY };
    let all: u32 = table.iter().map(|(_, weight, _)| weight).sum();
    let mut drawn = w.rng.gen_range(0..all);
    for (kind, weight, write) in table {
        if drawn < *weight {
            if write(w).is_some() {
                w.kind(kind);
            }
            w.end_statement();
            return;
        }
        drawn -= weight;
    }
}
