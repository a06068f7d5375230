//! Which statements between the forward and the backward site the loss depends on.

use std::collections::HashSet;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Block, Expr, Pat, Stmt, visit::Visit};

use super::names::{How, Use, Uses, bound_by_stmt};
use crate::{
    errors::Errors,
    model::{NodeId, Role},
    tokens::{self, Rule},
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
    /// The statements with a traced input.
    pub(super) traced: Vec<usize>,
    /// Variables from outside the region that can be changed.
    pub(super) mutable: HashSet<String>,
    /// Closures from outside that change something when they are called.
    pub(super) stateful: HashSet<String>,
    /// Statements before the region, `let loss;`, whose variable the slice assigns.
    pub(super) declared: Vec<usize>,
}

/// Methods that only look at a value.
const LOOKING: &[&str] = &[
    "array",
    "as_vec",
    "clone",
    "device",
    "first",
    "forward",
    "forward_mut",
    "get",
    "is_empty",
    "iter",
    "last",
    "len",
    "shape",
    "try_forward",
    "try_forward_mut",
];

/// Methods that change what they are called on, and so must not run in each pass.
const CHANGING: &[&str] = &[
    "drain",
    "extend",
    "fill",
    "gen",
    "gen_bool",
    "gen_range",
    "insert",
    "next",
    "next_back",
    "next_u32",
    "next_u64",
    "pop",
    "push",
    "random",
    "random_bool",
    "random_range",
    "remove",
    "replace",
    "sample",
    "set",
    "take",
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
            let changes = !self.changed(&uses, i, &needed).is_empty();
            if defines || changes {
                roles[i - self.first] = Role::Slice;
                needed.retain(|name| !bound.contains(name));
                needed.extend(uses.names());
            }
        }
        self.hoist(&mut roles);
        roles
    }

    /// Those of the `names` that statement `i` may change.
    fn changed(&self, uses: &Uses<'_>, i: usize, names: &HashSet<String>) -> Vec<Ident> {
        let changes = |u: &&Use| {
            let name = u.ident.to_string();
            if u.leaving || !names.contains(&name) || is_variable(self.model, &name) {
                return false;
            }
            match &u.how {
                How::Assign | How::BorrowMut => true,
                How::Receiver(method) if LOOKING.contains(&method.as_str()) => false,
                // A call for its effect, or of something that is there to be changed.
                How::Receiver(_) => self.is_mut(&name, i) || is_bare_call(self.stmt(i), &name),
                How::Macro { only_reads } => !only_reads && self.is_mut(&name, i),
                _ => false,
            }
        };
        uses.all
            .iter()
            .filter(changes)
            .map(|u| u.ident.clone())
            .collect()
    }

    fn is_mut(&self, name: &str, before: usize) -> bool {
        let is_local = self.block.stmts[self.first..before]
            .iter()
            .any(|stmt| match stmt {
                Stmt::Local(local) => binds_mut(&local.pat, name),
                _ => false,
            });
        is_local || self.mutable.contains(name)
    }

    /// What depends neither on the model nor on the tape is the same in every pass: it runs once,
    /// so that an iterator advances once, and both passes see the same random numbers.
    fn hoist(&self, roles: &mut [Role]) {
        let slice: Vec<usize> = (0..roles.len())
            .filter(|&k| roles[k] == Role::Slice)
            .collect();
        let mut varying: HashSet<String> = HashSet::new();
        let mut fixed = slice.clone();
        loop {
            let before = fixed.len();
            fixed.retain(|&k| {
                let i = self.first + k;
                let uses = self.uses_of_stmt(i);
                let names = uses.names();
                let bound: Vec<String> = bound_by_stmt(self.stmt(i))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let varies = self.traced.contains(&i)
                    || self.mentions_model(i, &names)
                    || names
                        .iter()
                        .chain(&bound)
                        .any(|name| varying.contains(name));
                if varies {
                    varying.extend(bound);
                    let changed = self.changed(&uses, i, &names);
                    varying.extend(changed.iter().map(ToString::to_string));
                }
                !varies
            });
            if fixed.len() == before {
                break;
            }
        }
        fixed.into_iter().for_each(|k| roles[k] = Role::Batch);
    }

    fn mentions_model(&self, i: usize, names: &HashSet<String>) -> bool {
        let in_a_field = Rule::place(self.model, quote::quote!())
            .is_some_and(|rule| tokens::count(self.stmt(i).to_token_stream(), &rule) > 0);
        in_a_field || names.iter().any(|name| is_variable(self.model, name))
    }

    /// Finds [`Self::declared`].
    pub(super) fn find_declared(&mut self, roles: &[Role]) {
        let slice = (0..roles.len()).filter(|&k| roles[k] == Role::Slice);
        let uses = slice.flat_map(|k| self.uses_of_stmt(self.first + k).all);
        let assigned: HashSet<String> = uses
            .chain(self.uses_of_loss().all)
            .filter(|u| u.how == How::Assign)
            .map(|u| u.ident.to_string())
            .collect();
        let is_declared = |i: &usize| match self.stmt(*i) {
            Stmt::Local(local) => {
                let bound = bound_by_stmt(self.stmt(*i));
                local.init.is_none()
                    && bound
                        .iter()
                        .any(|name| assigned.contains(&name.to_string()))
            }
            _ => false,
        };
        self.declared = (0..self.first).filter(is_declared).collect();
    }

    /// The variables of [`Self::declared`]: they belong to the slice.
    pub(super) fn declared_names(&self) -> HashSet<String> {
        let bound = self
            .declared
            .iter()
            .flat_map(|&i| bound_by_stmt(self.stmt(i)));
        bound.map(|name| name.to_string()).collect()
    }

    /// Refuses changes in the slice to anything outside it, which would happen in every pass, and
    /// changes before the passes to what an observer reads that stands before them.
    pub(super) fn refuse_side_effects(&self, roles: &[Role], errors: &mut Errors) {
        let mut bound = self.declared_names();
        let mut observed: HashSet<String> = HashSet::new();
        for (k, role) in roles.iter().enumerate() {
            let i = self.first + k;
            let uses = self.uses_of_stmt(i);
            match role {
                Role::Slice => {
                    self.refuse_changes(&uses, Some(i), &bound, errors);
                    let names = bound_by_stmt(self.stmt(i));
                    bound.extend(names.iter().map(ToString::to_string));
                }
                Role::Batch => {
                    for name in self.changed(&uses, i, &observed) {
                        errors.at(
                            &name,
                            format!(
                                "`{name}` is changed here for the loss, and read before this by a \
                                 statement that runs after the passes\n\nhelp: move this statement \
                                 before the forward pass"
                            ),
                        );
                    }
                }
                Role::Observer => observed.extend(uses.names()),
                Role::Item => {}
            }
        }
        self.refuse_changes(&self.uses_of_loss(), None, &bound, errors);
    }

    fn refuse_changes(
        &self,
        uses: &Uses<'_>,
        stmt: Option<usize>,
        bound: &HashSet<String>,
        errors: &mut Errors,
    ) {
        for u in uses.all.iter().filter(|u| !u.leaving) {
            let name = u.ident.to_string();
            if bound.contains(&name) || is_variable(self.model, &name) {
                continue;
            }
            let done = match &u.how {
                How::Assign => "assigned",
                How::BorrowMut => "borrowed mutably",
                How::Receiver(method)
                    if CHANGING.contains(&method.as_str())
                        && (self.mutable.contains(&name)
                            || stmt.is_some_and(|i| is_bare_call(self.stmt(i), &name))) =>
                {
                    "changed"
                }
                How::Call if self.stateful.contains(&name) => "called, and changes something,",
                _ => continue,
            };
            errors.at(
                &u.ident,
                format!(
                    "`{name}` is {done} by the forward pass or the loss, which run twice in a SAM \
                     step\n\nhelp: do it in a statement of its own: one that the loss does not depend \
                     on runs once, after the passes; one that does not use the model, once before them"
                ),
            );
        }
    }
}

/// Whether `stmt` is `name.method(..);`.
fn is_bare_call(stmt: &Stmt, name: &str) -> bool {
    matches!(stmt, Stmt::Expr(Expr::MethodCall(call), Some(_)) if is_variable(&call.receiver, name))
}

/// Whether `place` is the variable `name`.
pub(super) fn is_variable(place: &Expr, name: &str) -> bool {
    matches!(place, Expr::Path(path) if path.path.get_ident().is_some_and(|i| i == name))
}

pub(super) fn binds_mut(pat: &Pat, name: &str) -> bool {
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

/// The names of the slice (`of_slice` before the statements) as seen by what follows them all.
pub(super) fn visible<'a>(
    mut of_slice: HashSet<String>,
    stmts: impl Iterator<Item = (&'a Stmt, Role)>,
    mut each: impl FnMut(&'a Stmt, Role, &HashSet<String>),
) -> HashSet<String> {
    for (stmt, role) in stmts {
        each(stmt, role, &of_slice);
        let bound: Vec<Ident> = bound_by_stmt(stmt);
        for name in bound.iter().map(ToString::to_string) {
            match role {
                Role::Slice => of_slice.insert(name),
                Role::Batch | Role::Observer | Role::Item => of_slice.remove(&name),
            };
        }
    }
    of_slice
}
