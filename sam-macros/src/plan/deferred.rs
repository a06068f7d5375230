//! Which lines of a step wait in chunks until a line that uses them, and which one cuts the batch.

use proc_macro2::Ident;
use syn::{Expr, Stmt};

use super::{Line, Region, Replay, Trace};

/// A closure, or references.
fn is_borrow(expr: &Expr) -> bool {
    match expr {
        Expr::Closure(_) | Expr::Reference(_) => true,
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_borrow),
        _ => false,
    }
}

impl Region {
    /// The sites in line `k` whose input is kept.
    pub(crate) fn kept_at(&self, k: usize) -> impl Iterator<Item = &Trace> {
        let traces = self.traces.iter();
        traces.filter(move |trace| trace.line == k && trace.kept)
    }

    /// Whether line `k` reaches the model, itself or by what is made in it.
    pub(crate) fn reaches_model(&self, k: usize) -> bool {
        let line = &self.lines[k];
        let mut made = line
            .takes
            .iter()
            .filter_map(|taken| self.made_for(k, &taken.name));
        line.model.itself || line.model.owner || made.any(|j| self.reaches_model(j))
    }

    /// The line that binds `name` for line `k`, if it is made in line `k` itself.
    pub(crate) fn made_for(&self, k: usize, name: &Ident) -> Option<usize> {
        let lines = &self.lines;
        let j = (0..k).rev().find(|j| lines[*j].binds.contains(name))?;
        let takes = |line: &Line| line.takes.iter().any(|taken| taken.name == *name);
        let is_first = !lines[j + 1..k].iter().any(takes);
        (self.is_deferred(j) && (is_first || self.is_remade(j))).then_some(j)
    }

    /// Whether line `k` binds what no list of chunks can hold, a closure or a reference into the model, or
    /// what needs no batch, such as `let mut terms = Vec::new();`. The lines that use it make it.
    pub(crate) fn is_deferred(&self, k: usize) -> bool {
        let line = &self.lines[k];
        let needs_none = line.takes.is_empty()
            && line.records.is_empty()
            && line.model == Default::default()
            && self.traces.iter().all(|trace| trace.line != k);
        let Replay::Stmt(stmt) = &line.replay else {
            return false;
        };
        let is_let = matches!(&**stmt, Stmt::Local(_)) && line.conditions.is_empty();
        is_let && (self.is_remade(k) || needs_none)
    }

    /// Whether each line that uses what line `k` binds makes it again.
    pub(crate) fn is_remade(&self, k: usize) -> bool {
        let lines = &self.lines;
        let line = &lines[k];
        let Replay::Stmt(stmt) = &line.replay else {
            return false;
        };
        let is_it = match &**stmt {
            Stmt::Local(local) => local
                .init
                .as_ref()
                .is_some_and(|init| is_borrow(&init.expr)),
            _ => false,
        };
        let has_site = self.traces.iter().any(|trace| trace.line == k);
        let used_by = |name: &Ident| {
            let takes = |line: &&Line| line.takes.iter().any(|taken| taken.name == *name);
            lines[k + 1..].iter().filter(takes).count()
        };
        // What a closure counts must not be counted twice, or anywhere else.
        let counts = line.takes.iter().any(|taken| taken.is_changed);
        let takes_made = line.takes.iter().all(|taken| {
            self.made_for(k, &taken.name).is_some() && !(taken.is_changed && taken.is_used_again)
        });
        let is_called_once = line.binds.iter().all(|name| used_by(name) <= 1);
        is_it && !has_site && takes_made && (!counts || is_called_once)
    }

    /// The first line that uses the batch: those before it can wait.
    pub(crate) fn first_of_batch(&self) -> usize {
        let lines = 0..self.lines.len();
        let is_cut = |k: &usize| self.lines[*k].records.iter().any(|record| record.split);
        let says_size = |k: &usize| is_cut(k) || self.kept_at(*k).next().is_some();
        let not_deferred = lines.clone().find(|k| !self.is_deferred(*k)).unwrap_or(0);
        let first = lines
            .clone()
            .find(|k| !self.is_deferred(*k) && says_size(k));
        // Nothing else may come before it: it runs over the chunks.
        first
            .filter(|first| *first == not_deferred)
            .or_else(|| lines.clone().find(says_size))
            .unwrap_or(0)
    }

    /// Whether a line before the first one that uses the batch can't wait for it.
    pub(crate) fn begins_without_batch(&self) -> bool {
        (0..self.first_of_batch()).any(|k| !self.is_deferred(k))
    }
}
