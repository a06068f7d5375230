//! What comes into the slice from outside, and how each line reaches the model.

use std::collections::HashSet;

use syn::ItemFn;

use super::{
    constant::has_no_sample,
    path::{Path, Source, Step},
    prune::HandedOver,
    slice::Slice,
};
use crate::{
    args::Args,
    known::{FORWARD_MUT, READING},
    plan::{By, Line, ModelPlace, ModelUse, NodeId, Record},
    source::{How, Place, Use, Uses, has_ident},
};

/// What the records of one step are read from.
pub(super) struct Records<'p, 'a> {
    pub(super) item: &'p ItemFn,
    pub(super) args: &'p Args,
    pub(super) path: &'p Path<'a>,
    pub(super) model: &'p ModelPlace,
    /// The backward site.
    pub(super) backward: NodeId,
    pub(super) behind: Vec<Behind<'a>>,
    /// The inputs of the sites.
    pub(super) inputs: Vec<&'a syn::Expr>,
}

/// What is behind the slice in a block, from the statement with the backward site on.
pub(super) struct Behind<'a> {
    pub(super) block: NodeId,
    pub(super) stmts: &'a [syn::Stmt],
}

impl Records<'_, '_> {
    /// The lines of the slice, with what they record.
    pub(super) fn lines(&self, slice: Slice) -> (Vec<Line>, Vec<crate::plan::Trace>) {
        let Slice { lines, traces } = slice;
        let steps: Vec<usize> = lines.iter().map(|line| line.step).collect();
        let uses: Vec<Vec<Use>> = lines.iter().map(|line| line.uses.clone()).collect();
        let mut of_slice: HashSet<String> = HashSet::new();
        let mut out = Vec::new();
        let mut last = steps.first().copied().unwrap_or(0);
        let mut had_model = false;
        for (k, line) in lines.into_iter().enumerate() {
            let mut model_anew = false;
            for step in last..line.step {
                if steps.contains(&step) {
                    continue;
                }
                self.forget(step, &mut of_slice);
                model_anew |= self
                    .path
                    .line(step)
                    .is_some_and(|other| other.source.uses(&[]).touch(&self.model.place));
            }
            last = line.step;
            let path_line = self.path.line(line.step).expect("a line of the slice");
            let binds = path_line.source.binds();
            let model = self.model_use(&line.uses);
            let takes = self.takes(k, &line.uses, &of_slice, &uses, &steps);
            let records = self.records(k, &line.uses, model, &of_slice, &steps);
            of_slice.extend(binds.iter().map(ToString::to_string));
            let is_set = |name: &proc_macro2::Ident| {
                line.uses
                    .iter()
                    .any(|u| matches!(u.how, How::Set | How::Assign) && u.place.root == *name)
            };
            let changed = takes
                .iter()
                .filter(|t| t.is_changed || is_set(&t.name))
                .map(|t| t.name.clone());
            let candidates: Vec<_> = binds.iter().cloned().chain(changed).collect();
            let observed = candidates
                .into_iter()
                .filter(|name| self.is_observed(line.step, name, &steps))
                .collect();
            let owner_at = self.owner_at(&line.uses);
            out.push(Line {
                at: path_line.at,
                conditions: path_line.source.conditions(),
                replay: line.replay,
                records,
                model,
                owner_at,
                model_anew: model_anew && had_model && (model.itself || model.owner),
                binds,
                takes,
                observed,
            });
            had_model |= model.itself || model.owner;
        }
        unify(&mut out);
        rename(&mut out, &uses);
        (out, traces)
    }

    fn model_use(&self, uses: &[Use]) -> ModelUse {
        let place = &self.model.place;
        ModelUse {
            itself: uses.iter().any(|u| place.contains(&u.place)),
            owner: uses
                .iter()
                .any(|u| u.place.contains(place) && u.place != *place),
        }
    }

    fn owner_at(&self, uses: &[Use]) -> Option<proc_macro2::Ident> {
        let place = &self.model.place;
        let owner = uses
            .iter()
            .find(|u| u.place.contains(place) && u.place != *place)?;
        Some(owner.place.root.clone())
    }

    fn records(
        &self,
        k: usize,
        uses: &[Use],
        model: ModelUse,
        of_slice: &HashSet<String>,
        steps: &[usize],
    ) -> Vec<Record> {
        let mut places: Vec<(Place, Vec<How>)> = Vec::new();
        for u in uses {
            let root = u.place.root.to_string();
            let is_local = root == "self" || self.path.declared(&u.place.root, steps[k]).is_some();
            let is_of_model = self.model.place.overlaps(&u.place)
                || (model.owner && u.place.root == self.model.place.root);
            // A replay that leaves does what the plain loop does: to the loop's own variables.
            let changes = matches!(u.how, How::Set | How::Assign | How::AssignThrough);
            if of_slice.contains(&root) || !is_local || is_of_model || (u.leaving && changes) {
                continue;
            }
            match places.iter_mut().find(|(p, _)| p.overlaps(&u.place)) {
                Some((place, hows)) => {
                    if u.place.contains(place) {
                        *place = u.place.clone();
                    }
                    hows.push(u.how.clone());
                }
                None => places.push((u.place.clone(), vec![u.how.clone()])),
            }
        }
        // A place that has become larger may now contain another one.
        let mut merged: Vec<(Place, Vec<How>)> = Vec::new();
        for (place, hows) in places {
            match merged.iter_mut().find(|(p, _)| p.overlaps(&place)) {
                Some((known, all)) => {
                    if place.contains(known) {
                        *known = place;
                    }
                    all.extend(hows);
                }
                None => merged.push((place, hows)),
            }
        }
        merged
            .into_iter()
            .filter_map(|(place, hows)| self.record(k, place, &hows, steps))
            .collect()
    }

    fn record(&self, k: usize, place: Place, hows: &[How], steps: &[usize]) -> Option<Record> {
        let declared = self.path.declared(&place.root, steps[k]);
        let split = self.is_split(&place, k, steps);
        let is_shared_reference = match &declared {
            Some(declared) => declared.reference == Some(false) && !declared.mutable,
            None => !self.self_is_mutable(),
        };
        // `let loss = loss.forward(..);`: the replay, which is behind it, would read another variable of that name.
        let is_hidden = declared.as_ref().is_some_and(|d| {
            let last = self.path.declared(&place.root, self.path.steps.len());
            last.is_some_and(|last| last.step != d.step)
        });
        // The same number whenever it is read.
        let is_literal = declared.as_ref().is_some_and(|d| d.is_literal);
        if !split && is_literal && !is_hidden {
            return None;
        }
        let called_between = self.is_called_between(k, &place, steps);
        // What can't change stays where it is.
        if !split && is_shared_reference {
            // `self` is the same in the replay.
            let by = match place.is_variable() {
                _ if is_hidden => By::Clone,
                true => By::InPlace,
                false if place.members.is_empty() => return None,
                false => By::Reference,
            };
            return Some(Record {
                place,
                by,
                consumed: false,
                split,
                called_between,
                is_renamed: false,
            });
        }
        // A loss function that may count, `mut criterion: Criterion`: the replay calls a clone.
        let is_generic_call = hows.contains(&How::Call)
            && declared
                .as_ref()
                .is_some_and(|d| d.mutable && self.is_type_parameter(d.step));
        let is_assigned = is_generic_call
            || hows.iter().any(|how| matches!(how, How::Set | How::Assign))
            || hows
                .iter()
                .any(|how| matches!(how, How::Receiver(m) if FORWARD_MUT.has(m)));
        // `skip(rng)` with `rng: &mut StdRng` reborrows it.
        let is_reborrowed = declared
            .as_ref()
            .is_some_and(|d| d.reference == Some(true) && place.is_variable());
        let consumed = is_generic_call
            || hows
                .iter()
                .any(|how| matches!(how, How::Value | How::Macro) && !is_reborrowed);
        let may_change = |how: &How| match how {
            How::BorrowMut | How::AssignThrough | How::Call => true,
            How::Value => is_reborrowed,
            How::Receiver(method) => !READING.has(method),
            _ => false,
        };
        let by = if hows.iter().all(|how| *how == How::Set) {
            By::Fresh
        } else if !split
            && !is_assigned
            && !is_hidden
            && self.stays(k, &place, hows, &declared, steps)
        {
            By::Reference
        } else if is_assigned {
            By::Assigned
        } else if !consumed && self.can_change(&place, &declared) && hows.iter().any(may_change) {
            By::Changed
        } else {
            By::Clone
        };
        Some(Record {
            place,
            by,
            consumed,
            split,
            called_between,
            is_renamed: false,
        })
    }

    /// Whether a statement outside the slice, between line `k` and the backward site, calls a method on the place
    /// that may change it.
    fn is_called_between(&self, k: usize, place: &Place, steps: &[usize]) -> bool {
        let may_change = |source: &Source<'_>| {
            let called = |u: &Use| {
                let may_change = matches!(&u.how, How::Receiver(method) if !READING.has(method));
                may_change && u.place.overlaps(place)
            };
            let is_handed = |handed: &Place, _| handed.overlaps(place);
            let mut handed = HandedOver::new(&is_handed);
            source.visit(&mut handed);
            handed.found || source.uses(&[]).all.iter().any(called)
        };
        self.path
            .lines()
            .filter(|(step, _)| *step > steps[k] && !steps.contains(step))
            .any(|(_, line)| may_change(&line.source))
    }

    /// Whether a method could change the place.
    fn can_change(&self, place: &Place, declared: &Option<super::path::Declared>) -> bool {
        match declared {
            Some(declared) => {
                declared.mutable
                    || declared.reference == Some(true)
                    || !place.members.is_empty()
                    || self.may_hold_mut_reference(declared.step)
            }
            None => self.self_is_mutable(),
        }
    }

    /// Whether a variable may be a `&mut` whose type is not said: bound by a loop, or out of a `&mut self`.
    fn may_hold_mut_reference(&self, step: usize) -> bool {
        match &self.path.steps[step] {
            Step::Line(line) => line.source.init().is_none_or(|init| {
                !matches!(
                    init,
                    syn::Expr::Lit(_) | syn::Expr::Call(_) | syn::Expr::Macro(_)
                )
            }),
            Step::Loop(_) | Step::Closure(_) => true,
            Step::Param(..) => false,
        }
    }

    /// Whether the parameter of this step is of a type parameter's type.
    fn is_type_parameter(&self, step: usize) -> bool {
        let Step::Param(_, syn::Type::Path(ty)) = &self.path.steps[step] else {
            return false;
        };
        let mut params = self.item.sig.generics.type_params();
        params.any(|param| ty.path.is_ident(&param.ident))
    }

    fn self_is_mutable(&self) -> bool {
        self.item
            .sig
            .receiver()
            .is_none_or(|receiver| has_ident(receiver, "mut"))
    }

    /// Whether the replay may read the place itself: nothing can move or change it before then.
    fn stays(
        &self,
        k: usize,
        place: &Place,
        hows: &[How],
        declared: &Option<super::path::Declared>,
        steps: &[usize],
    ) -> bool {
        let last = *steps.last().expect("the loss is a line");
        let is_outside_loop = declared
            .as_ref()
            .is_some_and(|d| self.path.loop_between(d.step, last));
        // Nothing moves out of what is borrowed, or out of a variable that the next round needs again.
        let cannot_move = is_outside_loop
            || place.root == "self"
            || (declared.as_ref().is_some_and(|d| d.reference.is_some()));
        let may_count = declared.as_ref().is_some_and(|d| d.mutable);
        let only_reads = |how: &How| match how {
            How::Borrow | How::Index => true,
            How::Call => cannot_move && !may_count,
            // What can't be changed can only be read.
            How::Receiver(method) => {
                READING.has(method) || (cannot_move && !self.can_change(place, declared))
            }
            _ => false,
        };
        if !hows.iter().all(only_reads) {
            return false;
        }
        let rest_is_quiet =
            self.path
                .lines()
                .filter(|(step, _)| *step >= steps[k])
                .all(|(step, line)| {
                    let uses = line.source.uses(&[]);
                    // The clean pass also runs what the replay leaves out of a line.
                    let mut here = uses.all.iter().filter(|u| u.place.overlaps(place));
                    match steps.contains(&step) {
                        true => here.all(|u| only_reads(&u.how)),
                        false => here.next().is_none(),
                    }
                });
        let passed_over = [self.backward];
        let end_is_quiet = self
            .behind
            .first()
            .and_then(|behind| behind.stmts.first())
            .is_none_or(|stmt| !Uses::of_stmt(stmt, &passed_over).touch(place));
        rest_is_quiet && end_is_quiet
    }

    /// Whether `m` cuts the place: it is named in `split` or, without that key, is bound where the input
    /// is bound.
    fn is_split(&self, place: &Place, k: usize, steps: &[usize]) -> bool {
        if !self.args.is_cut() {
            return false;
        }
        if let Some(names) = &self.args.split {
            return names.contains(&place.root);
        }
        let Some(declared) = self.path.declared(&place.root, steps[k]) else {
            return false;
        };
        let is_whole = self.path.line(declared.step).is_some_and(|line| {
            let init = line.source.init();
            init.is_some_and(|init| matches!(init, syn::Expr::Closure(_)) || has_no_sample(init))
        });
        if is_whole || declared.is_literal || declared.reference == Some(true) {
            return false;
        }
        declared.step >= self.scope_of_input(steps[k])
    }

    /// The step from which on variables are bound for each batch: in the loop that binds the input.
    fn scope_of_input(&self, before: usize) -> usize {
        let of_inputs = self
            .inputs
            .iter()
            .flat_map(|input| Uses::of_expr(input, &[]).all)
            .filter_map(|u| self.path.declared(&u.place.root, before))
            .map(|declared| declared.step)
            .max();
        let upto = of_inputs.unwrap_or(before);
        self.path.steps[..=upto.min(self.path.steps.len() - 1)]
            .iter()
            .rposition(|step| matches!(step, Step::Loop(_) | Step::Closure(_)))
            .unwrap_or(0)
    }
}

/// A variable that one line needs a clone of has that name in the replay, and so also for the others.
fn unify(lines: &mut [Line]) {
    let cloned: Vec<Place> = lines
        .iter()
        .flat_map(|line| &line.records)
        .filter(|record| !matches!(record.by, By::Reference | By::InPlace))
        .map(|record| record.place.clone())
        .collect();
    for record in lines.iter_mut().flat_map(|line| &mut line.records) {
        if record.by == By::Reference && cloned.iter().any(|place| place.overlaps(&record.place)) {
            record.by = By::Clone;
        }
    }
}

/// Where a block that leaves assigns a variable, the user's own keeps its name.
fn rename(lines: &mut [Line], uses: &[Vec<Use>]) {
    let assigned: HashSet<String> = uses
        .iter()
        .flatten()
        .filter(|u| u.leaving && matches!(u.how, How::Set | How::Assign | How::AssignThrough))
        .map(|u| u.place.root.to_string())
        .collect();
    for record in lines.iter_mut().flat_map(|line| &mut line.records) {
        let is_variable = record.place.is_variable() && record.by != By::Fresh;
        record.is_renamed = is_variable && assigned.contains(&record.place.root.to_string());
    }
}
