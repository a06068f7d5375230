//! Which statements between the forward and the backward site the loss depends on.

use std::collections::HashSet;

use proc_macro2::Ident;
use syn::{Block, Expr, Pat, Stmt, visit::Visit};

use super::names::{How, Uses, bound_by_stmt};
use crate::{
    errors::Errors,
    model::{NodeId, Role},
};

/// A region that is being analysed: statements `first..last` and the loss in statement `last`.
pub(super) struct Region<'a> {
    pub(super) block: &'a Block,
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) loss: &'a Expr,
    /// Expressions that are evaluated outside the passes.
    pub(super) outside: Vec<NodeId>,
    /// The model's place.
    pub(super) model: &'a Expr,
}

/// Methods that only look at a value.
const LOOKING: &[&str] = &[
    "array", "as_vec", "clone", "device", "first", "get", "is_empty", "iter", "last", "len",
    "shape",
];

impl<'a> Region<'a> {
    fn stmt(&self, i: usize) -> &'a Stmt {
        &self.block.stmts[i]
    }

    pub(super) fn uses_of_stmt(&self, i: usize) -> Uses<'_> {
        Uses::of_stmt(self.stmt(i), &self.outside, Some(self.model))
    }

    pub(super) fn uses_of_loss(&self) -> Uses<'_> {
        Uses::of_expr(self.loss, &self.outside, Some(self.model))
    }

    /// The backward slice: walks from the loss towards the forward site, and keeps what defines or
    /// changes something that is needed further down.
    pub(super) fn roles(&self) -> Vec<Role> {
        let mut needed = self.uses_of_loss().names();
        let mut roles = vec![Role::Observer; self.last - self.first];
        for i in (self.first..self.last).rev() {
            if matches!(self.stmt(i), Stmt::Item(_)) {
                roles[i - self.first] = Role::Item;
                continue;
            }
            let uses = self.uses_of_stmt(i);
            let bound: HashSet<String> = bound_by_stmt(self.stmt(i))
                .iter()
                .map(ToString::to_string)
                .collect();
            let defines = bound.iter().any(|name| needed.contains(name));
            if defines || self.changes(&uses, &needed, i) {
                roles[i - self.first] = Role::Slice;
                needed.retain(|name| !bound.contains(name));
                needed.extend(uses.names());
            }
        }
        roles
    }

    /// Whether statement `i` may change something that is needed after it.
    fn changes(&self, uses: &Uses<'_>, needed: &HashSet<String>, i: usize) -> bool {
        uses.all.iter().any(|u| {
            let name = u.ident.to_string();
            if u.leaving || !needed.contains(&name) || is_variable(self.model, &name) {
                return false;
            }
            match &u.how {
                How::Assign | How::BorrowMut => true,
                // A method or a macro can change what the region declared `mut`.
                How::Receiver(method) => {
                    !LOOKING.contains(&method.as_str()) && self.is_mut_local(&name, i)
                }
                How::Macro { only_reads: false } => self.is_mut_local(&name, i),
                _ => false,
            }
        })
    }

    fn is_mut_local(&self, name: &str, before: usize) -> bool {
        self.block.stmts[self.first..before]
            .iter()
            .rev()
            .any(|stmt| match stmt {
                Stmt::Local(local) => binds_mut(&local.pat, name),
                _ => false,
            })
    }

    /// Refuses changes in the slice to anything outside it: they would happen in every pass.
    pub(super) fn refuse_side_effects(&self, roles: &[Role], errors: &mut Errors) {
        let mut bound: HashSet<String> = HashSet::new();
        for (k, role) in roles.iter().enumerate() {
            if *role == Role::Slice {
                self.refuse_changes(&self.uses_of_stmt(self.first + k), &bound, errors);
                let names = bound_by_stmt(self.stmt(self.first + k));
                bound.extend(names.iter().map(ToString::to_string));
            }
        }
        self.refuse_changes(&self.uses_of_loss(), &bound, errors);
    }

    fn refuse_changes(&self, uses: &Uses<'_>, bound: &HashSet<String>, errors: &mut Errors) {
        for change in uses.changes().filter(|u| !u.leaving) {
            let name = change.ident.to_string();
            if bound.contains(&name) || is_variable(self.model, &name) {
                continue;
            }
            let message = match change.how {
                How::Assign => format!(
                    "`{name}` is assigned by the forward pass or the loss, which run twice in a SAM \
                     step\n\nhelp: assign to it in a statement that the loss does not depend on"
                ),
                _ => format!(
                    "`{name}` is borrowed mutably by the forward pass or the loss, which run twice \
                     in a SAM step\n\nhelp: use `&mut {name}` before the forward pass, and only its \
                     result here"
                ),
            };
            errors.at(&change.ident, message);
        }
    }
}

/// Whether `place` is the variable `name`.
pub(super) fn is_variable(place: &Expr, name: &str) -> bool {
    matches!(place, Expr::Path(path) if path.path.get_ident().is_some_and(|i| i == name))
}

fn binds_mut(pat: &Pat, name: &str) -> bool {
    struct Find<'a>(&'a str, bool);
    impl<'ast> Visit<'ast> for Find<'_> {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            self.1 |= pat.mutability.is_some() && pat.ident == self.0;
        }
    }
    let mut find = Find(name, false);
    find.visit_pat(pat);
    find.1
}

/// The names that the statements of a role bind, as seen by the statement that follows them all.
pub(super) fn visible<'a>(
    stmts: impl Iterator<Item = (&'a Stmt, Role)>,
    mut each: impl FnMut(&'a Stmt, Role, &HashSet<String>),
) -> HashSet<String> {
    let mut of_slice: HashSet<String> = HashSet::new();
    for (stmt, role) in stmts {
        each(stmt, role, &of_slice);
        let bound: Vec<Ident> = bound_by_stmt(stmt);
        for name in bound.iter().map(ToString::to_string) {
            match role {
                Role::Slice => of_slice.insert(name),
                Role::Observer | Role::Item => of_slice.remove(&name),
            };
        }
    }
    of_slice
}
