//! Which statements between the forward and the backward site the loss depends on.

use std::collections::HashSet;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Block, Expr, Pat, Stmt, visit::Visit};

use super::names::{CHANGING, How, Use, Uses, bound_by_stmt};
use crate::{
    errors::{Errors, Kind},
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
                // A closure of the region that counts, say, begins anew in each pass.
                How::Call => self.is_mut_local(&name, i),
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
        self.is_mut_local(name, before) || self.mutable.contains(name)
    }

    fn is_mut_local(&self, name: &str, before: usize) -> bool {
        self.block.stmts[self.first..before]
            .iter()
            .any(|stmt| match stmt {
                Stmt::Local(local) => binds_mut(&local.pat, name),
                _ => false,
            })
    }

    /// What depends neither on the model nor on the tape is the same in every pass: it runs once,
    /// so that an iterator advances once, and both passes see the same random numbers.
    fn hoist(&self, roles: &mut [Role]) {
        let mut fixed: Vec<usize> = (0..roles.len())
            .filter(|&k| roles[k] == Role::Slice)
            .collect();
        // What the loss itself changes begins anew in each pass.
        let loss = self.uses_of_loss();
        let changed = self.changed(&loss, self.last, &loss.names());
        let mut varying: HashSet<String> = changed.iter().map(ToString::to_string).collect();
        loop {
            let before = fixed.clone();
            fixed.retain(|&k| {
                let i = self.first + k;
                let uses = self.uses_of_stmt(i);
                let names = uses.names();
                let bound: Vec<String> = bound_by_stmt(self.stmt(i))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let changed = self.changed(&uses, i, &names);
                let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
                let mut touched = names.iter().chain(&bound);
                let varies = self.traced.contains(&i)
                    || self.mentions_model(i, &names)
                    || touched.any(|name| varying.contains(name))
                    || self.is_read_before(k, &bound, &changed, roles, &before);
                if varies {
                    varying.extend(bound.into_iter().chain(changed));
                }
                !varies
            });
            if fixed.len() == before.len() {
                break;
            }
        }
        fixed.into_iter().for_each(|k| roles[k] = Role::Batch);
    }

    /// Whether something that stays behind reads what statement `k` would now give it too early: a
    /// name that is bound again, or, in the slice, one that is changed.
    fn is_read_before(
        &self,
        k: usize,
        bound: &[String],
        changed: &[String],
        roles: &[Role],
        hoisted: &[usize],
    ) -> bool {
        (0..k).filter(|j| !hoisted.contains(j)).any(|j| {
            let used = self.uses_of_stmt(self.first + j).names();
            let is_used = |names: &[String]| names.iter().any(|name| used.contains(name));
            is_used(bound) || (roles[j] == Role::Slice && is_used(changed))
        })
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
                    self.refuse_effects(&uses, i, &bound, roles, errors);
                    let names = bound_by_stmt(self.stmt(i));
                    bound.extend(names.iter().map(ToString::to_string));
                }
                Role::Batch => {
                    for name in self.changed(&uses, i, &observed) {
                        errors.at(
                            Kind::ChangedAfterRead,
                            &name,
                            format!(
                                "`{name}` is changed here for the loss, and read before this by a \
                                 statement that runs after the passes\n\nhelp: move both \
                                 before the forward pass, or keep the old value in a variable"
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

    /// Refuses a statement that is in the slice because it changes what the loss reads, from outside.
    fn refuse_effects(
        &self,
        uses: &Uses<'_>,
        i: usize,
        bound: &HashSet<String>,
        roles: &[Role],
        errors: &mut Errors,
    ) {
        if matches!(self.stmt(i), Stmt::Local(_)) {
            return;
        }
        let mut needed = self.uses_of_loss().names();
        for k in (i + 1 - self.first..roles.len()).filter(|&k| roles[k] == Role::Slice) {
            needed.extend(self.uses_of_stmt(self.first + k).names());
        }
        needed.retain(|name| !bound.contains(name));
        for name in self.changed(uses, i, &needed) {
            let is_reported = uses
                .all
                .iter()
                .any(|u| u.ident == name && self.kind_of_change(u, Some(i)).is_some());
            if !is_reported {
                refuse(&name, "changed", errors);
            }
        }
    }

    /// What is done to a variable from outside that must not be done twice.
    fn kind_of_change(&self, u: &Use, stmt: Option<usize>) -> Option<&'static str> {
        let name = u.ident.to_string();
        match &u.how {
            How::Assign => Some("assigned"),
            How::BorrowMut => Some("borrowed mutably"),
            How::FieldChanged => Some("changed"),
            How::Receiver(method) => {
                let is_bare = stmt.is_some_and(|i| is_bare_call(self.stmt(i), &name));
                let may_change = self.mutable.contains(&name) || is_bare;
                (CHANGING.contains(&method.as_str()) && may_change).then_some("changed")
            }
            How::Call if self.stateful.contains(&name) => Some("called, and changes something,"),
            _ => None,
        }
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
            if let Some(done) = self.kind_of_change(u, stmt) {
                refuse(&u.ident, done, errors);
            }
        }
    }
}

fn refuse(name: &Ident, done: &str, errors: &mut Errors) {
    errors.at(
        Kind::ChangedInTheLoss,
        name,
        format!(
            "`{name}` is {done} by the forward pass or the loss, which run twice in a SAM \
             step\n\nhelp: do it in a statement of its own: one that the loss does not depend \
             on runs once, after the passes; one that does not use the model, once before them"
        ),
    );
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
