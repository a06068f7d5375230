//! Which lines on the way to a backward site the loss depends on, and which of those depend on the model.

use std::collections::HashSet;

use proc_macro2::Ident;
use syn::{Expr, Stmt, visit::Visit};

use super::{
    constant::{is_call, is_constant},
    localize::{self, Words},
    path::{Path, Source},
    prune::{self, may_change},
    sites::{self, Frame, Site},
};
use crate::{
    known::{LENDING, READING},
    plan::{NodeId, Replay, Trace, TraceKind, id_of},
    source::{How, Place, Use, Uses},
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

    /// What is evaluated at a site and not in the replay: `E`, and `X` where it is kept.
    fn outside(&self, traces: &[NodeId], tainted: &[Place]) -> (Vec<NodeId>, Vec<Trace>) {
        let mut outside = Vec::new();
        let mut found = Vec::new();
        let sites = self.traces.iter().enumerate();
        for (index, site) in sites.filter(|(_, s)| traces.contains(&id_of(s.call))) {
            let Some(kind) = sites::trace_kind(site.call) else {
                continue;
            };
            outside.extend(site.call.args.first().map(id_of));
            let input = &*site.call.receiver;
            let uses = Uses::of_expr(input, &[]);
            let is_of_slice = uses.touch(self.model)
                || tainted.iter().any(|t| uses.touch(t))
                || self.is_repeated(site);
            if !is_of_slice {
                outside.push(id_of(input));
                if let Expr::MethodCall(call) = input {
                    outside.push(id_of(call));
                }
            }
            found.push(Trace {
                node: id_of(site.call),
                site: index,
                line: 0,
                kind,
                kept: !is_of_slice,
                start_is_mut: site
                    .call
                    .args
                    .first()
                    .is_some_and(|start| self.is_mut(start)),
            });
        }
        (outside, found)
    }

    /// Whether an expression is a variable that is `mut`.
    fn is_mut(&self, expr: &Expr) -> bool {
        let variable = Place::of_expr(expr).filter(Place::is_variable);
        let declared =
            variable.and_then(|place| self.path.declared(&place.root, self.path.steps.len()));
        declared.is_some_and(|declared| declared.mutable)
    }

    /// Whether a site may be reached several times in its line: in a loop of it, in a closure.
    fn is_repeated(&self, site: &Site<'a>) -> bool {
        let is_on_path = |frame: &Frame<'a>| {
            let Frame::Block(block, _) = frame else {
                return false;
            };
            self.path
                .lines()
                .any(|(_, line)| line.at.block == id_of(*block))
        };
        let inside = site
            .stack
            .iter()
            .rposition(is_on_path)
            .map_or(0, |depth| depth + 1);
        let repeats = |frame: &Frame<'a>| matches!(frame, Frame::Loop { .. } | Frame::Closure(_));
        site.stack[inside..].iter().any(repeats)
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
                // A tape that comes from the slice goes on with it.
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
            // A name that is bound anew is another variable.
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
        // What a tape flows into can't be recorded: it is made once more.
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

    fn replay(
        &self,
        source: Source<'a>,
        traces: &[NodeId],
        needed: &[Place],
        tainted: &[Place],
    ) -> Replay {
        let (_, found) = self.outside(traces, tainted);
        let local = |expr: &Expr| Box::new(localize::expr(expr, &found, self.words));
        let replay = match source {
            Source::Stmt(stmt) => Replay::Stmt(Box::new(localize::stmt(stmt, &found, self.words))),
            Source::Arm(pat, expr) => Replay::Arm(Box::new(pat.clone()), local(expr)),
            Source::Loss(expr) => Replay::Loss(local(expr)),
        };
        replay.pruned(needed)
    }

    fn finish(
        &self,
        lines: &[(usize, Source<'a>)],
        members: Vec<Member>,
        helper: Option<usize>,
    ) -> Slice {
        let mut slice = Slice {
            lines: Vec::new(),
            traces: Vec::new(),
        };
        for member in members {
            let line = slice.lines.len();
            let (_, mut found) = self.outside(&member.traces, &member.tainted);
            found.iter_mut().for_each(|trace| trace.line = line);
            let (mut replay, mut uses) = (member.replay, member.uses);
            if helper == Some(member.step)
                && let Some((_, source)) = lines.iter().find(|(step, _)| *step == member.step)
                && let Some(argument) = self.gradient_argument(*source)
            {
                let node = id_of(argument);
                found.push(Trace {
                    node,
                    site: 0,
                    line,
                    kind: TraceKind::Argument,
                    kept: false,
                    start_is_mut: self.is_mut(argument),
                });
                // The argument is the step's in the replay.
                replay =
                    localize_argument(*source, node, replay, self.words).pruned(&member.needed);
                uses = replay.uses();
            }
            slice.traces.extend(found);
            slice.lines.push(SliceLine {
                step: member.step,
                replay,
                uses,
            });
        }
        slice
    }
}

/// What a line of the slice changes.
struct Change {
    place: Place,
    takes_tape: bool,
}

/// A line of the slice, before its place in it is known.
struct Member {
    step: usize,
    traces: Vec<NodeId>,
    replay: Replay,
    uses: Vec<Use>,
    /// What the lines after it need.
    needed: Vec<Place>,
    tainted: Vec<Place>,
}

fn localize_argument(source: Source<'_>, node: NodeId, replay: Replay, words: &Words) -> Replay {
    match (source, replay) {
        (Source::Stmt(stmt), Replay::Stmt(_)) => {
            Replay::Stmt(Box::new(localize::argument_in_stmt(stmt, node, words)))
        }
        (Source::Arm(_, expr), Replay::Arm(pat, _)) => {
            Replay::Arm(pat, Box::new(localize::argument_in_expr(expr, node, words)))
        }
        (Source::Loss(expr), Replay::Loss(_)) => {
            Replay::Loss(Box::new(localize::argument_in_expr(expr, node, words)))
        }
        (_, other) => other,
    }
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

/// What a line changes. A method may change what it is called on if the line is there for its effect and a
/// tape may flow into it: it uses up a value of the slice. Where only numbers flow, what it is called on is
/// recorded behind it.
pub(super) fn changed(
    source: Source<'_>,
    uses: &Uses<'_>,
    tainted: &[Place],
    begins: bool,
) -> Vec<Place> {
    let is_of_slice = |place: &Place| tainted.iter().any(|t| t.overlaps(place));
    let moves_tape = moves_tape(source, uses, tainted, begins);
    let changes = |u: &&Use| match &u.how {
        How::Set | How::Assign | How::AssignThrough | How::BorrowMut => true,
        How::Receiver(_) => {
            !source.is_let() && may_change(u) && (moves_tape || is_of_slice(&u.place))
        }
        How::Macro => !source.is_let(),
        How::Value => {
            matches!(source, Source::Stmt(Stmt::Macro(mac)) if !prune::only_prints(&mac.mac))
        }
        How::Borrow | How::Index | How::Call => false,
    };
    uses.all
        .iter()
        .filter(changes)
        .map(|u| u.place.clone())
        .collect()
}

/// Names by which places may be changed: `let list = &mut terms;`, `let last = terms.last_mut().unwrap();`.
fn aliases(lines: &[(usize, Source<'_>)]) -> Vec<(Ident, Place)> {
    let lends = |how: &How| match how {
        How::BorrowMut => true,
        How::Receiver(method) => method.ends_with("_mut") || LENDING.has(method),
        _ => false,
    };
    let mut aliases = Vec::new();
    for (_, source) in lines.iter().filter(|(_, source)| source.is_let()) {
        for u in source.uses(&[]).all.iter().filter(|u| lends(&u.how)) {
            let names = source.binds().into_iter();
            aliases.extend(names.map(|name| (name, u.place.clone())));
        }
    }
    aliases
}

fn with_aliases(mut changed: Vec<Place>, aliases: &[(Ident, Place)]) -> Vec<Place> {
    let mut at = 0;
    while at < changed.len() {
        let of = |alias: &&(Ident, Place)| changed[at].root == alias.0;
        let places = aliases.iter().filter(of).map(|(_, place)| place.clone());
        let new: Vec<Place> = places.filter(|place| !changed.contains(place)).collect();
        changed.extend(new);
        at += 1;
    }
    changed
}

/// Whether a tape may flow into what a line changes: `terms.push(loss)`, `terms.push(h.relu())`; not
/// `losses.push(loss.array())`.
fn moves_tape(source: Source<'_>, uses: &Uses<'_>, tainted: &[Place], begins: bool) -> bool {
    let is_of_slice = |place: &Place| tainted.iter().any(|t| t.overlaps(place));
    let moves = |how: &How| match how {
        How::Value => true,
        How::Receiver(method) => method == "clone" || !READING.has(method),
        _ => false,
    };
    let moved = |u: &Use| moves(&u.how) && is_of_slice(&u.place);
    !source.is_let() && (begins || uses.all.iter().any(moved))
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
