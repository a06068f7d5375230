//! Which lines on the way to a backward site the loss depends on, and which of those depend on the model.

use std::collections::HashSet;

use syn::{Expr, Stmt, visit::Visit};

use super::{
    changes::{aliases, changed, moves_tape, with_aliases},
    constant::{is_call, is_constant},
    localize::Words,
    path::{Path, Source},
    replayed::Member,
    sites::{self, Site},
};
use crate::{
    plan::{NodeId, Replay, Trace, TraceKind, id_of},
    source::{Place, Use, Uses},
};

/// The slice of one step.
pub(super) struct Slice {
    /// In order; the last one is the loss.
    pub(super) lines: Vec<SliceLine>,
    pub(super) traces: Vec<Trace>,
}

pub(super) struct SliceLine {
    /// Where it is in the path.
    pub(super) step: usize,
    pub(super) replay: Replay,
    /// What the replay uses.
    pub(super) uses: Vec<Use>,
}

/// What the slice is cut from.
pub(super) struct Cut<'p, 'a> {
    pub(super) path: &'p Path<'a>,
    pub(super) model: &'p Place,
    pub(super) traces: &'p [Site<'a>],
    /// Backward and update sites: lines with one are never part of a slice.
    pub(super) barriers: &'p [NodeId],
    /// The backward sites among them.
    pub(super) backwards: &'p [NodeId],
    /// The variable that the backward statement assigns.
    pub(super) gradients: Option<Place>,
    pub(super) words: &'p Words,
}

/// What the way forwards finds of a line of the path.
struct LineFacts {
    is_barrier: bool,
    /// Whether a tape begins in it.
    begins: bool,
    traces: Vec<NodeId>,
    uses: Uses<'static>,
    /// What depends on a tape before the line.
    tainted: Vec<Place>,
}

impl<'a> Cut<'_, 'a> {
    /// The slice; `Err(true)` where a tape begins that the loss does not depend on.
    pub(super) fn slice(&self) -> Result<Slice, bool> {
        let lines: Vec<(usize, Source<'a>)> = self
            .path
            .lines()
            .map(|(step, line)| (step, line.source))
            .collect();
        let all: HashSet<NodeId> = self.traces.iter().map(|site| id_of(site.call)).collect();
        let reached_of = |of: &HashSet<NodeId>| -> HashSet<NodeId> {
            let cut = self.cut(&lines, of, None);
            cut.iter().flat_map(|line| line.traces.clone()).collect()
        };
        // The tapes before the backward site of another step are that step's, as a rule.
        let others = lines[..lines.len() - 1].iter().rposition(|(_, source)| {
            calls_in(*source)
                .iter()
                .any(|id| self.backwards.contains(id))
        });
        let own: HashSet<NodeId> = lines[others.map_or(0, |at| at + 1)..]
            .iter()
            .flat_map(|(_, source)| self.traces_in(*source, &all))
            .collect();
        let mut reached = reached_of(&own);
        if reached.is_empty() && others.is_some() {
            reached = reached_of(&all);
        }
        if !reached.is_empty() {
            // Tapes of other steps begin nothing here. A function of the user's may trace beside them.
            let cut = self.cut(&lines, &reached, None);
            let is_new = |helper: &usize| !cut.iter().any(|member| member.step == *helper);
            let Some(helper) = self.handed_helper(&lines).filter(is_new) else {
                return Ok(self.finish(&lines, cut, None));
            };
            let cut = self.cut(&lines, &reached, Some(helper));
            return Ok(self.finish(&lines, cut, Some(helper)));
        }
        let Some(helper) = self.helper(&lines) else {
            let before = lines
                .iter()
                .any(|(_, source)| !self.traces_in(*source, &all).is_empty());
            return Err(before);
        };
        let cut = self.cut(&lines, &reached, Some(helper));
        Ok(self.finish(&lines, cut, Some(helper)))
    }

    fn traces_in(&self, source: Source<'a>, of: &HashSet<NodeId>) -> Vec<NodeId> {
        calls_in(source)
            .into_iter()
            .filter(|id| of.contains(id))
            .collect()
    }

    /// The lines that the loss depends on and that depend on a tape, the last one being the loss.
    fn cut(
        &self,
        lines: &[(usize, Source<'a>)],
        traces: &HashSet<NodeId>,
        helper: Option<usize>,
    ) -> Vec<Member> {
        let (tainted, facts) = self.tainted(lines, traces, helper);
        self.needed(lines, &facts, &tainted)
    }

    /// Forwards: which lines depend on a tape or, behind the first, on the model.
    fn tainted(
        &self,
        lines: &[(usize, Source<'a>)],
        traces: &HashSet<NodeId>,
        helper: Option<usize>,
    ) -> (Vec<bool>, Vec<LineFacts>) {
        let mut tainted: Vec<Place> = Vec::new();
        let mut has_begun = false;
        let mut of_line = Vec::new();
        let mut facts = Vec::new();
        let aliases = aliases(lines);
        for (step, source) in lines {
            let of_tape: Vec<NodeId> = self.traces_in(*source, traces);
            let is_site = |id: &NodeId| {
                let site = self.traces.iter().find(|s| id_of(s.call) == *id);
                // A tape that comes from the slice is not a new one.
                site.is_some_and(|site| match sites::trace_kind(site.call) {
                    Some(TraceKind::PutTape) => {
                        let tape = Uses::of_expr(&site.call.args[0], &[]);
                        !tainted.iter().any(|t| tape.touch(t))
                    }
                    _ => true,
                })
            };
            let of_tape: Vec<NodeId> = of_tape.into_iter().filter(is_site).collect();
            let (outside, _) = self.outside(&of_tape, &tainted);
            let uses = source.uses(&outside);
            let all = uses.detached();
            let is_barrier = !matches!(source, Source::Loss(_))
                && calls_in(*source)
                    .iter()
                    .any(|id| self.barriers.contains(id));
            let begins = !of_tape.is_empty() || helper == Some(*step);
            has_begun |= begins;
            let depends = tainted.iter().any(|t| all.touch(t));
            let touches_model = all.touch(self.model);
            let of_model = has_begun && all.all.iter().any(|u| self.model.contains(&u.place));
            let is_tainted = !is_barrier
                && (begins
                    || depends
                    || of_model
                    || (touches_model && is_alias(*source, self.model)));
            let binds = source.binds();
            let before = tainted.clone();
            // A name that is bound again is another variable.
            if !source.is_conditional() {
                tainted.retain(|t| !binds.contains(&t.root));
            }
            if is_tainted {
                tainted.extend(binds.iter().map(Place::of_variable));
                let changed = with_aliases(changed(*source, &all, &tainted, begins), &aliases);
                tainted.extend(changed.into_iter().filter(|p| !self.model.overlaps(p)));
            }
            of_line.push(is_tainted);
            facts.push(LineFacts {
                is_barrier,
                begins,
                traces: of_tape,
                uses: all,
                tainted: before,
            });
        }
        (of_line, facts)
    }

    /// Backwards: which of them the loss needs.
    fn needed(
        &self,
        lines: &[(usize, Source<'a>)],
        facts: &[LineFacts],
        tainted: &[bool],
    ) -> Vec<Member> {
        let last = lines.len() - 1;
        let mut tainted_places: Vec<Place> = Vec::new();
        for (k, (_, source)) in lines.iter().enumerate() {
            if tainted[k] {
                tainted_places.extend(source.binds().iter().map(Place::of_variable));
                tainted_places.extend(changed(
                    *source,
                    &facts[k].uses,
                    &tainted_places,
                    facts[k].begins,
                ));
            }
        }
        let aliases = aliases(lines);
        let mut needed: Vec<Place> = Vec::new();
        let mut changed_in_slice: Vec<Change> = Vec::new();
        let mut members = Vec::new();
        for k in (0..=last).rev() {
            let (step, source) = lines[k];
            let line = &facts[k];
            let binds = source.binds();
            let is_loss = k == last;
            let defines = needed.iter().any(|p| binds.contains(&p.root));
            let changes = changed(source, &line.uses, &tainted_places, line.begins);
            let changes: Vec<Place> = with_aliases(changes, &aliases)
                .into_iter()
                .filter(|p| !self.model.overlaps(p) && self.can_be_changed(source, p, step))
                .collect();
            let changes_needed = changes.iter().any(|c| needed.iter().any(|p| p.overlaps(c)));
            let is_state =
                defines && self.is_local_state(source, step, &changed_in_slice, lines[last].0);
            let takes_part = is_loss
                || (!line.is_barrier && tainted[k] && (defines || changes_needed))
                || (!line.is_barrier && is_state);
            if !takes_part {
                if !source.is_conditional() {
                    needed.retain(|p| !binds.contains(&p.root));
                }
                continue;
            }
            let replay = self.replay(source, &line.traces, &needed, &line.tainted);
            let uses = replay.uses();
            let needed_after = needed.clone();
            if !source.is_conditional() {
                needed.retain(|p| !binds.contains(&p.root));
            }
            needed.extend(uses.iter().map(|u| u.place.clone()));
            let takes_tape = moves_tape(source, &line.uses, &tainted_places, line.begins);
            changed_in_slice.extend(
                changes
                    .into_iter()
                    .map(|place| Change { place, takes_tape }),
            );
            members.push(Member {
                step,
                traces: line.traces.clone(),
                replay,
                uses,
                needed: needed_after,
                tainted: line.tainted.clone(),
            });
        }
        members.reverse();
        members
    }

    /// Whether a line can change the place: a macro that is not known can, where it is `mut`.
    fn can_be_changed(&self, source: Source<'a>, place: &Place, step: usize) -> bool {
        if !matches!(source, Source::Stmt(Stmt::Macro(_))) {
            return true;
        }
        let declared = self.path.declared(&place.root, step);
        declared.is_none_or(|d| d.mutable || d.reference == Some(true))
    }

    /// Whether a `let` that does not depend on the model is part of the slice all the same: a variable that
    /// the slice fills (`let mut terms = Vec::new();`), a closure, a `let loss;`.
    fn is_local_state(
        &self,
        source: Source<'a>,
        step: usize,
        changed: &[Change],
        loss: usize,
    ) -> bool {
        let Source::Stmt(Stmt::Local(local)) = source else {
            return false;
        };
        let is_near = !self.path.loop_between(step, loss) && !self.path.closure_between(step, loss);
        let binds = source.binds();
        let mut changes = changed
            .iter()
            .filter(|change| binds.contains(&change.place.root));
        let is_changed = changes.clone().next().is_some();
        // What a tape flows into can't be recorded: it is made again.
        let takes_tape = changes.any(|change| change.takes_tape);
        match &local.init {
            None => is_changed,
            Some(init) => {
                is_near
                    && (matches!(*init.expr, Expr::Closure(_))
                        || (is_changed
                            && init.diverge.is_none()
                            && (is_constant(&init.expr) || (takes_tape && is_call(&init.expr)))))
            }
        }
    }
}

/// What a line of the slice changes.
struct Change {
    place: Place,
    takes_tape: bool,
}

/// The method calls in a line.
pub(super) fn calls_in(source: Source<'_>) -> Vec<NodeId> {
    struct Calls(Vec<NodeId>);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
            self.0.push(id_of(call));
            syn::visit::visit_expr_method_call(self, call);
        }
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    let mut calls = Calls(Vec::new());
    source.visit(&mut calls);
    calls.0
}

/// Whether a line before the tape names a part of the model, or will run the model when it is called:
/// `let net = &self.net;`, `let run = |x| model.forward(x);`.
fn is_alias(source: Source<'_>, model: &Place) -> bool {
    let Some(init) = source.init() else {
        return false;
    };
    match init {
        Expr::Closure(_) => true,
        Expr::Reference(reference) => is_projection(&reference.expr, model),
        Expr::Tuple(tuple) => tuple
            .elems
            .iter()
            .all(|e| matches!(e, Expr::Reference(r) if is_projection(&r.expr, model))),
        _ => false,
    }
}

fn is_projection(expr: &Expr, model: &Place) -> bool {
    match expr {
        Expr::Index(index) => is_projection(&index.expr, model),
        _ => Place::behind(expr).is_some_and(|(place, _)| model.contains(&place)),
    }
}
