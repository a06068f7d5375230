//! What a line changes by the values of one chunk.

use std::collections::HashSet;

use proc_macro2::Ident;
use syn::{
    Expr, Pat,
    visit::{self, Visit},
};

use crate::{
    plan::{By, Line, Replay},
    source::{Around, Place, Uses, assigns, bound_by},
};

/// A variable from outside that the line changes by what the slice computes: it would get the first chunk's.
pub(super) fn changed_by_chunk<'a>(line: &'a Line, model: &Place) -> Option<&'a Ident> {
    let changed = |record: &&crate::plan::Record| matches!(record.by, By::Assigned | By::Changed);
    let of_chunk = line.takes.iter().map(|taken| taken.name.to_string());
    let mut find = Find {
        model,
        places: line
            .records
            .iter()
            .filter(changed)
            .map(|r| &r.place)
            .collect(),
        of_chunk: of_chunk.collect(),
        around: Around::default(),
        is_leaving: false,
        found: None,
    };
    match &line.replay {
        Replay::Stmt(stmt) => find.visit_stmt(stmt),
        Replay::Arm(_, expr) | Replay::Loss(expr) => find.visit_expr(expr),
    }
    find.found
}

struct Find<'m, 'a> {
    model: &'m Place,
    /// What comes from outside, and is changed.
    places: Vec<&'a Place>,
    /// The names of what the slice computes.
    of_chunk: HashSet<String>,
    around: Around,
    is_leaving: bool,
    found: Option<&'a Ident>,
}

impl Find<'_, '_> {
    fn is_of_chunk(&self, expr: &Expr) -> bool {
        let uses = Uses::of_expr(expr, &[]).all;
        uses.iter().any(|u| {
            self.of_chunk.contains(&u.place.root.to_string()) || u.place.overlaps(self.model)
        })
    }

    /// Notes that what `target` names is changed by `by`.
    fn change(&mut self, target: &Expr, by: &[&Expr]) {
        let changed = Place::behind(target).map(|(place, _)| place);
        let known = changed.and_then(|changed| {
            let mut places = self.places.iter();
            places.find(|place| place.overlaps(&changed)).copied()
        });
        if let Some(place) = known
            && !self.is_leaving
            && by.iter().any(|by| self.is_of_chunk(by))
        {
            self.found = self.found.or(Some(&place.root));
        }
    }
}

impl<'ast> Visit<'ast> for Find<'_, '_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Assign(assign) => self.change(&assign.left, &[&assign.right]),
            Expr::Binary(binary) if assigns(expr) => self.change(&binary.left, &[&binary.right]),
            Expr::MethodCall(call) => {
                self.change(&call.receiver, &call.args.iter().collect::<Vec<_>>());
            }
            Expr::Call(call) => {
                let by: Vec<&Expr> = call.args.iter().collect();
                for arg in &call.args {
                    if let Expr::Reference(reference) = arg
                        && reference.mutability.is_some()
                    {
                        self.change(&reference.expr, &by);
                    }
                }
            }
            _ => {}
        }
        self.around.enter(expr);
        visit::visit_expr(self, expr);
        self.around.exit(expr);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let was_leaving = self.is_leaving;
        self.is_leaving |= self.around.is_left_by(block);
        visit::visit_block(self, block);
        self.is_leaving = was_leaving;
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init
            && self.is_of_chunk(&init.expr)
        {
            self.of_chunk.extend(names(&local.pat));
        }
    }
}

fn names(pat: &Pat) -> impl Iterator<Item = String> {
    bound_by(pat, true).into_iter().map(|name| name.to_string())
}
