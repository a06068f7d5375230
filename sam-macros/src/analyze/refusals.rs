//! What makes a function, or a step of it, one that can't be read, and what is then said.

use syn::{Expr, ItemFn};

use super::{
    StepOf, at_once, chunked,
    path::Path,
    sites::{NESTED_ITEM, Site, Sites},
    slice::Slice,
    sources,
};
use crate::{
    errors::{Errors, Kind},
    plan::{ModelPlace, Region, Replay, id_of},
    source::Uses,
};

pub(super) fn refuse_signature(item: &ItemFn, errors: &mut Errors) {
    let sig = &item.sig;
    if let Some(token) = &sig.constness {
        errors.at(
            Kind::ConstFn,
            token,
            "a `const fn` can't train; take `const` away",
        );
    }
    if let Some(token) = &sig.asyncness {
        errors.at(
            Kind::AsyncFn,
            token,
            "an `async fn` can't be under `sam_train`; put the training loop into a plain function \
             and call that",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.at(
            Kind::ExternFn,
            abi,
            "an `extern` function can't be under `sam_train`; call a plain one from it",
        );
    }
}

/// Reports sites where the macro can't follow.
pub(super) fn refuse_hidden(sites: &Sites<'_>, errors: &mut Errors) {
    let mut told: Vec<&str> = Vec::new();
    for (span, kind, by) in &sites.hidden {
        let is_nested = *by == NESTED_ITEM;
        let has_other = match *kind {
            "backward" => !sites.backwards.is_empty(),
            "update" => !sites.updates.is_empty(),
            _ => !sites.traces.is_empty() || sites.backwards.is_empty(),
        };
        // A function inside may train for itself.
        if is_nested && has_other {
            continue;
        }
        if *kind == "update" && !is_nested && has_other {
            continue;
        }
        told.push(kind);
        errors.at_span(
            Kind::HiddenSite,
            *span,
            format!(
                "this {kind} pass is inside {by}, which `sam_train` can't look into\n\nhelp: write \
                 it in the function itself, or put the attribute on the function that holds it"
            ),
        );
    }
}

/// A statement can be replayed for one step.
pub(super) fn refuse_shared_lines(regions: &[Region], sites: &Sites<'_>, errors: &mut Errors) {
    for (i, region) in regions.iter().enumerate() {
        let is_shared = |line: &crate::plan::Line| {
            regions[..i]
                .iter()
                .flat_map(|other| &other.lines)
                .any(|other| other.at == line.at && matches!(other.replay, Replay::Stmt(_)))
        };
        let shares = region
            .lines
            .iter()
            .any(|line| matches!(line.replay, Replay::Stmt(_)) && is_shared(line));
        let site = sites
            .backwards
            .iter()
            .find(|site| id_of(site.call) == region.backward.call);
        if let (true, Some(site)) = (shares, site) {
            errors.at(
                Kind::TwoSteps,
                &site.call.method,
                "this `backward` shares statements with the one before it\n\nhelp: give each \
                 `backward` a forward pass of its own, or add the losses and call `backward` once",
            );
        }
    }
}

impl<'a> StepOf<'_, 'a> {
    /// Refuses a slice whose tape or whose `backward` is where the step can't be written.
    pub(super) fn refuse_places(
        &self,
        slice: &Slice,
        path: &Path<'a>,
        in_closure: bool,
        errors: &mut Errors,
    ) -> Option<()> {
        let backward = self.backward;
        let first = slice.lines[0].step;
        let last = path.steps.len() - 1;
        if path.loop_between(first, last) {
            errors.at(
                Kind::BackwardInAnotherBlock,
                &backward.call.method,
                "`backward` is called in a loop that its forward pass is not in\n\nhelp: call it in the \
                 block with `traced`, or trace inside the loop",
            );
            return None;
        }
        let leaves = slice.lines.iter().any(|line| line.replay.leaves());
        if in_closure && self.args.is_at_once() {
            errors.at(
                Kind::NotForParallel,
                &backward.call.method,
                "with `parallel`, `backward` can't be called in a closure, which may run on another thread than the forward pass\n\n\
                 help: call it outside, or leave out `parallel`",
            );
            return None;
        }
        if in_closure && leaves {
            errors.at(
                Kind::BackwardInAnotherBlock,
                &backward.call.method,
                "`backward` is in a closure, and its forward pass leaves the function or the loop\n\n\
                 help: call `backward` outside the closure",
            );
            return None;
        }
        let by = self.args.chunks_by();
        let is_in_arm = slice
            .lines
            .iter()
            .any(|line| matches!(line.replay, Replay::Arm(..)));
        if self.args.is_in_chunks() && is_in_arm {
            errors.at(
                Kind::BackwardInAnotherBlock,
                &backward.call.method,
                format!(
                    "with `{by}`, `backward` can't be in a pattern's branch that takes its forward pass apart\n\nhelp: \
                     bind the output before it, as in `let Ok(output) = .. else {{ .. }};`"
                ),
            );
            return None;
        }
        let in_closure_of_m = |site: &&Site<'a>| {
            let line = slice
                .traces
                .iter()
                .find(|t| t.node == id_of(site.call))
                .map(|t| t.line);
            let init = line.and_then(|line| path.line(slice.lines[line].step)?.source.init());
            matches!(init, Some(Expr::Closure(_)))
        };
        if self.args.is_in_chunks()
            && let Some(site) = self.sites.traces.iter().find(in_closure_of_m)
        {
            errors.at(
                Kind::HiddenSite,
                &site.call.method,
                format!(
                    "with `{by}`, the tape can't begin inside a closure, which is called with what `{by}` has cut\n\nhelp: \
                     trace where the closure is called, and hand it the traced input"
                ),
            );
            return None;
        }
        Some(())
    }

    pub(super) fn refuse_no_forward(&self, has_tape: bool, errors: &mut Errors) {
        let call = self.backward.call;
        let is_later = self
            .sites
            .traces
            .iter()
            .any(|site| site.order > self.backward.order);
        if has_tape {
            errors.at(
                Kind::LossWithoutForward,
                &call.receiver,
                "this loss does not depend on the forward pass with the tape\n\nhelp: `backward` must be \
                 called on what is computed from the traced input",
            );
        } else if is_later {
            errors.at(
                Kind::BackwardBeforeForward,
                &call.method,
                "this `backward` comes before its forward pass; move it behind",
            );
        } else {
            errors.at(
                Kind::NoForward,
                &call.method,
                "no forward pass with a tape before this `backward`\n\nhelp: the tape begins at `x.traced(grads)`, as in \
                 `model.forward_mut(x.traced(grads))`; where a function of yours traces, hand it the model: \
                 `loss_of(&mut model, x, y, grads)`",
            );
        }
    }

    pub(super) fn refuse_foreign_model(&self, model: &ModelPlace, errors: &mut Errors) {
        errors.at(
            Kind::ForeignModel,
            &self.backward.call.method,
            format!(
                "nothing between the forward pass and this `backward` mentions `{place}`, the model that is \
                 trained, so SAM can't run it at the perturbed weights\n\nhelp: write \
                 `{place}.forward_mut(..)`, or hand `{place}` to the function that runs it",
                place = model.place,
            ),
        );
    }

    /// `m` needs something to cut, and `split` names what there is.
    pub(super) fn refuse_splits(&self, region: &Region, path: &Path<'a>, errors: &mut Errors) {
        let used = |name: &proc_macro2::Ident| {
            let in_records = region
                .lines
                .iter()
                .flat_map(|line| &line.records)
                .any(|record| record.place.root == *name);
            let in_inputs = self.sites.traces.iter().any(|site| {
                region.traces.iter().any(|t| t.node == id_of(site.call))
                    && Uses::of_expr(&site.call.receiver, &[]).mention(&name.to_string())
            });
            in_records || in_inputs
        };
        for name in self.args.split.iter().flatten().filter(|name| !used(name)) {
            errors.at(
                Kind::SplitUnused,
                name,
                format!("`{name}` is used neither by the forward pass nor by the loss; take it out of `split`"),
            );
        }
        let has_input = region.traces.iter().any(|trace| trace.kept);
        let has_split = region
            .lines
            .iter()
            .flat_map(|line| &line.records)
            .any(|record| record.split);
        let Some(m) = self.args.cut_by() else {
            return;
        };
        let by = self.args.chunks_by();
        if !has_input && !has_split {
            errors.at(
                Kind::NothingToCut,
                m,
                format!(
                    "there is no batch to cut into chunks: the forward pass and the loss use nothing that is \
                     bound in the loop\n\nhelp: name what is to be cut with `split = [..]`, or leave out `{by}`"
                ),
            );
        } else if region.begins_without_batch() {
            errors.at(
                Kind::NothingToCut,
                m,
                format!(
                    "the first line of the forward pass uses nothing of the batch that is to be cut into chunks, and \
                     so can't tell how many there are\n\nhelp: let the line that runs the model use the batch, or leave \
                     out `{by}`"
                ),
            );
        }
        if self.args.m.is_none() {
            // There is one part.
            return;
        }
        for (line, source) in sources(&region.lines, path) {
            if self.args.is_at_once() {
                at_once::refuse(line, source, region, errors);
            }
            if let Some(done) = chunked::done_by_chunk(line, source, &region.model.place) {
                done.refuse(errors);
            }
        }
    }
}
