//! The lines of a slice as the replay runs them, and the sites in them.

use syn::Expr;

use super::{
    localize::{self, Words},
    path::Source,
    sites::{self, Frame, Site},
    slice::{Cut, Slice, SliceLine},
};
use crate::{
    plan::{NodeId, Replay, Trace, TraceKind, id_of},
    source::{Place, Use, Uses},
};

/// A line of the slice, before its place in it is known.
pub(super) struct Member {
    pub(super) step: usize,
    pub(super) traces: Vec<NodeId>,
    pub(super) replay: Replay,
    pub(super) uses: Vec<Use>,
    /// What the lines after it need.
    pub(super) needed: Vec<Place>,
    pub(super) tainted: Vec<Place>,
}

impl<'a> Cut<'_, 'a> {
    /// What is evaluated at a site and not in the replay: `E`, and `X` where it is kept.
    pub(super) fn outside(
        &self,
        traces: &[NodeId],
        tainted: &[Place],
    ) -> (Vec<NodeId>, Vec<Trace>) {
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

    pub(super) fn replay(
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

    pub(super) fn finish(
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
