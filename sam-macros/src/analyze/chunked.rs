//! With `m`: what a line does by the values of one chunk, where the loop expects those of the batch.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Block, Expr, Pat, Stmt,
    visit::{self, Visit},
};

use super::{path::Source, prune};
use crate::{
    errors::{Errors, Kind},
    known::DROPPING,
    plan::{By, Line, Record},
    source::{Around, Place, Uses, assigns, bound_by, mentions},
};

/// Where a line does so.
pub(super) enum Done {
    /// It changes this by what it computes, and the loss depends on it in turn.
    Changes(Ident),
    /// It shows this what it computes, and the loss does not depend on that.
    Shows(TokenStream),
    /// It decides by what it computes.
    Decides(TokenStream),
}

impl Done {
    pub(super) fn refuse(self, errors: &mut Errors) {
        match self {
            Self::Changes(name) => errors.at(
                Kind::ChangedByChunk,
                &name,
                format!(
                    "with `m`, the loss of each chunk would change `{name}` by what it computes \
                     of that chunk\n\nhelp: let the loss not depend on `{name}`, or leave out `m`"
                ),
            ),
            Self::Shows(stmt) => errors.at(
                Kind::ChangedByChunk,
                &stmt,
                "with `m`, this would see what is computed of the first chunk\n\nhelp: move it \
                 behind the statement that it is in, where it sees that of the batch",
            ),
            Self::Decides(by) => errors.at(
                Kind::DecidedByChunk,
                &by,
                "with `m`, each chunk would decide this by its own values\n\nhelp: decide in a \
                 statement of its own that looks at the loss, as in \
                 `if loss.array() > 10.0 { continue; }`, or leave out `m`",
            ),
        }
    }
}

/// The first such place of a line.
pub(super) fn done_by_chunk(line: &Line, source: Source<'_>, model: &Place) -> Option<Done> {
    let changed = |record: &&Record| matches!(record.by, By::Assigned | By::Changed);
    let cut = line.records.iter().filter(|record| record.split);
    let mut bound = prune::Bound::default();
    source.visit(&mut bound);
    let mut find = Find {
        model,
        changed: line
            .records
            .iter()
            .filter(changed)
            .map(|r| &r.place)
            .collect(),
        computed: line
            .takes
            .iter()
            .map(|taken| taken.name.to_string())
            .collect(),
        cut: cut.map(|record| record.place.root.to_string()).collect(),
        bound: bound.0,
        around: Around::default(),
        depth: 0,
        found: None,
    };
    source.visit(&mut find);
    find.found
}

struct Find<'m> {
    model: &'m Place,
    /// What comes from outside, and is changed.
    changed: Vec<&'m Place>,
    /// The names of what the slice computes.
    computed: HashSet<String>,
    /// The names of what is cut.
    cut: HashSet<String>,
    /// The names that are bound in the line.
    bound: HashSet<String>,
    around: Around,
    depth: usize,
    found: Option<Done>,
}

impl Find<'_> {
    fn is_computed(&self, expr: &Expr) -> bool {
        let uses = Uses::inside_expr(expr).all;
        let is_computed = |place: &Place| {
            self.computed.contains(&place.root.to_string()) || place.overlaps(self.model)
        };
        uses.iter().any(|u| is_computed(&u.place))
    }

    fn is_of_chunk(&self, expr: &Expr) -> bool {
        let uses = Uses::inside_expr(expr).all;
        let is_cut = |place: &Place| self.cut.contains(&place.root.to_string());
        self.is_computed(expr) || uses.iter().any(|u| is_cut(&u.place))
    }

    fn find(&mut self, done: Done) {
        if self.found.is_none() && !self.around.is_leaving() {
            self.found = Some(done);
        }
    }

    /// Notes that what `target` names is changed by `by`.
    fn change(&mut self, target: &Expr, by: &[&Expr]) {
        let Some((target, _)) = Place::behind(target) else {
            return;
        };
        let is_known = self.changed.iter().any(|place| place.overlaps(&target));
        if is_known && by.iter().any(|by| self.is_of_chunk(by)) {
            self.find(Done::Changes(target.root));
        }
    }

    /// Whether a place is outside the slice.
    fn is_outside(&self, expr: &Expr) -> bool {
        Place::behind(expr).is_some_and(|(place, _)| {
            let name = place.root.to_string();
            let is_own = self.bound.contains(&name) || self.computed.contains(&name);
            !is_own && !place.overlaps(self.model)
        })
    }

    /// A statement in a block of the line, which is there for what it does.
    fn effect(&mut self, stmt: &Stmt) {
        let shows = match stmt {
            Stmt::Expr(Expr::Assign(assign), _) => {
                self.is_outside(&assign.left) && self.is_of_chunk(&assign.right)
            }
            Stmt::Expr(expr @ Expr::Binary(binary), _) if assigns(expr) => {
                self.is_outside(&binary.left) && self.is_of_chunk(&binary.right)
            }
            Stmt::Expr(Expr::MethodCall(call), Some(_)) => {
                self.is_outside(&call.receiver) && call.args.iter().any(|e| self.is_of_chunk(e))
            }
            Stmt::Expr(Expr::Call(call), Some(_)) => {
                let is_own = |arg: &Expr| match arg {
                    Expr::Reference(of) => of.mutability.is_some() && !self.is_outside(&of.expr),
                    _ => false,
                };
                let is_drop =
                    matches!(&*call.func, Expr::Path(path) if DROPPING.has_path(&path.path));
                !is_drop
                    && !call.args.iter().any(is_own)
                    && call.args.iter().any(|e| self.is_of_chunk(e))
            }
            Stmt::Macro(call) if prune::only_prints(&call.mac) => {
                let mut names = Vec::new();
                mentions(call.mac.tokens.clone(), &mut names);
                let mut names = names.iter().map(ToString::to_string);
                names.any(|name| self.computed.contains(&name) || self.cut.contains(&name))
            }
            _ => false,
        };
        if shows {
            self.find(Done::Shows(stmt.to_token_stream()));
        }
    }

    /// Notes a decision on whether to go on. What runs the model fails, as a rule, only where the device does.
    fn go_on(&mut self, by: &Expr) {
        if !Uses::inside_expr(by).touch(self.model) {
            self.decide(by);
        }
    }

    fn decide(&mut self, by: &Expr) {
        if self.is_computed(by) {
            self.find(Done::Decides(by.to_token_stream()));
        }
    }
}

impl<'ast> Visit<'ast> for Find<'_> {
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
            Expr::If(branch) => self.decide(&branch.cond),
            Expr::While(repeat) => self.decide(&repeat.cond),
            // dfdx's own errors come from the device.
            Expr::Match(choice)
                if !is_try_method(&choice.expr)
                    && choice.arms.iter().any(|arm| prune::expr_leaves(&arm.body)) =>
            {
                self.go_on(&choice.expr);
            }
            Expr::Try(tried) if !is_try_method(&tried.expr) => self.go_on(&tried.expr),
            _ => {}
        }
        self.around.enter(expr);
        visit::visit_expr(self, expr);
        self.around.exit(expr);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let was_leaving = self.around.enter_block(block);
        self.depth += 1;
        visit::visit_block(self, block);
        self.depth -= 1;
        self.around.exit_block(was_leaving);
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        if self.depth > 0 {
            self.effect(stmt);
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(init) = &local.init
            && init.diverge.is_some()
            && !is_try_method(&init.expr)
        {
            self.go_on(&init.expr);
        }
        visit::visit_local(self, local);
        if let Some(init) = &local.init
            && self.is_computed(&init.expr)
        {
            self.computed.extend(names(&local.pat));
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// The names that a pattern binds.
pub(super) fn names(pat: &Pat) -> impl Iterator<Item = String> {
    bound_by(pat, true).into_iter().map(|name| name.to_string())
}

fn is_try_method(expr: &Expr) -> bool {
    matches!(expr, Expr::MethodCall(call) if call.method.to_string().starts_with("try_"))
}
