//! What a line takes from the lines before it, and what the loop reads of it.

use std::collections::HashSet;

use proc_macro2::Ident;

use super::{path::Step, prune::may_change, records::Records};
use crate::{
    plan::Taken,
    source::{How, Use, Uses, bound_by, bound_by_stmt},
};

impl Records<'_, '_> {
    /// A name that is bound outside the slice hides the slice's.
    pub(super) fn forget(&self, step: usize, of_slice: &mut HashSet<String>) {
        let names = match &self.path.steps[step] {
            Step::Line(line) => line.source.binds(),
            Step::Loop(Some(pat)) => bound_by(pat, false),
            _ => Vec::new(),
        };
        for name in names {
            of_slice.remove(&name.to_string());
        }
    }

    /// The variables of the slice that line `k` uses.
    pub(super) fn takes(
        &self,
        k: usize,
        uses: &[Use],
        of_slice: &HashSet<String>,
        all: &[Vec<Use>],
        steps: &[usize],
    ) -> Vec<Taken> {
        let mut taken: Vec<Taken> = Vec::new();
        for u in uses
            .iter()
            .filter(|u| of_slice.contains(&u.place.root.to_string()))
        {
            let name = &u.place.root;
            let declared = self.path.declared(name, steps[k]);
            let may_change = may_change(u) || u.how == How::Call;
            let is_changed = declared.is_some_and(|d| d.mutable) && may_change;
            match taken.iter_mut().find(|t| t.name == *name) {
                Some(known) => known.is_changed |= is_changed,
                None => taken.push(Taken {
                    name: name.clone(),
                    is_changed,
                    is_used_again: self.is_used_again(k, name, all, steps),
                }),
            }
        }
        taken
    }

    /// Whether a later line of the slice uses the variable, before it is bound again.
    fn is_used_again(&self, k: usize, name: &Ident, all: &[Vec<Use>], steps: &[usize]) -> bool {
        for step in steps[k]..self.path.steps.len() {
            let here = steps.iter().position(|s| *s == step);
            if let Some(here) = here.filter(|here| *here > k)
                && all[here].iter().any(|u| u.place.root == *name)
            {
                return true;
            }
            let binds = self.path.line(step).map(|line| line.source.binds());
            if binds.is_some_and(|binds| binds.contains(name)) {
                return false;
            }
        }
        false
    }

    /// Whether a statement outside the slice reads this variable after `step`.
    pub(super) fn is_observed(&self, step: usize, name: &Ident, steps: &[usize]) -> bool {
        let passed_over = [self.backward];
        for (at, line) in self.path.lines().filter(|(at, _)| *at > step) {
            if steps.contains(&at) {
                if line.source.binds().contains(name) {
                    return false;
                }
                continue;
            }
            if line.source.uses(&[]).mention(&name.to_string()) {
                return true;
            }
            if line.source.binds().contains(name) {
                return false;
            }
        }
        for behind in &self.behind {
            for stmt in behind.stmts {
                if Uses::of_stmt(stmt, &passed_over).mention(&name.to_string()) {
                    return true;
                }
                if bound_by_stmt(stmt).contains(name) {
                    break;
                }
            }
            let line = self.path.line(step);
            let is_bound_here = line.is_some_and(|line| {
                line.at.block == behind.block && line.source.binds().contains(name)
            });
            if is_bound_here {
                return false;
            }
        }
        false
    }
}
