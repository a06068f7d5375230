//! With `parallel`: what a line can't do on several threads.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Expr,
    visit::{self, Visit},
};

use super::{path::Source, prune};
use crate::{
    errors::{Errors, Kind},
    plan::{By, Line, Region},
    source::{Around, How, Place},
};

/// Refuses what a line would do to what all threads share.
pub(super) fn refuse(line: &Line, source: Source<'_>, region: &Region, errors: &mut Errors) {
    let mut find = Find::default();
    source.visit(&mut find);
    if let Some(leaving) = find.leaves {
        errors.at(
            Kind::NotForParallel,
            leaving,
            "with `parallel`, this runs on threads of its own, and can't leave the loop from there\n\nhelp: call what panics, as \
             `forward_mut` in the place of `try_forward_mut`, or leave out `parallel`",
        );
    } else if let Some(hidden) = find.hides {
        errors.at(
            Kind::NotForParallel,
            hidden,
            "with `parallel`, this runs on several threads, and the macro may hold what can't\n\nhelp: call it in a statement of \
             its own before the forward pass, or leave out `parallel`",
        );
    } else if let (true, Some(owner)) = (line.model.owner, &line.owner_at) {
        errors.at(
            Kind::NotForParallel,
            owner,
            format!(
                "with `parallel`, each chunk has a copy of `{model}`, and not of what holds it\n\nhelp: run `{model}` itself, or \
                 leave out `parallel`",
                model = region.model.place
            ),
        );
    } else if line.model_anew {
        errors.at(
            Kind::NotForParallel,
            source.tokens(),
            format!(
                "with `parallel`, nothing between the statements of a forward pass may change `{}`, and a statement before this one \
                 may\n\nhelp: move it before the forward pass, or leave out `parallel`",
                region.model.place
            ),
        );
    } else if let Some(changed) = changed(line, source, region) {
        errors.at(
            Kind::NotForParallel,
            &changed,
            format!(
                "with `parallel`, several threads would change `{changed}` at once\n\nhelp: change it in a statement of its own, or \
                 leave out `parallel`"
            ),
        );
    } else if let Some(condition) = line.conditions.first() {
        errors.at(
            Kind::NotForParallel,
            condition,
            "with `parallel`, a statement of the forward pass or the loss is there in each build\n\nhelp: leave out `parallel`",
        );
    }
}

/// What a line changes of what is outside of the slice.
fn changed(line: &Line, source: Source<'_>, region: &Region) -> Option<Ident> {
    let is_of_slice = |place: &Place| {
        place.overlaps(&region.model.place)
            || line.takes.iter().any(|taken| taken.name == place.root)
    };
    let is_changed = |how: &How| {
        matches!(
            how,
            How::Set | How::Assign | How::AssignThrough | How::BorrowMut
        )
    };
    let uses = source.uses(&[]).all;
    let found = uses
        .iter()
        .find(|u| is_changed(&u.how) && !is_of_slice(&u.place));
    let mut records = line.records.iter();
    let recorded = records.find(|record| {
        let is_changed = matches!(record.by, By::Assigned | By::Changed | By::Fresh);
        (is_changed || record.is_renamed) && !record.split
    });
    let found = found.map(|u| &u.place);
    found
        .or(recorded.map(|record| &record.place))
        .map(|place| place.root.clone())
}

/// What leaves the line, and macros that may hold anything.
#[derive(Default)]
struct Find {
    around: Around,
    leaves: Option<TokenStream>,
    hides: Option<TokenStream>,
}

impl<'ast> Visit<'ast> for Find {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        if self.around.may_leave(expr) {
            self.leaves.get_or_insert_with(|| expr.to_token_stream());
        }
        self.around.enter(expr);
        visit::visit_expr(self, expr);
        self.around.exit(expr);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if prune::may_hide(mac) {
            self.hides.get_or_insert_with(|| mac.path.to_token_stream());
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}
