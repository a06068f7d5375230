//! Reads a function: finds the steps, and what each statement is to them.
//!
//! | file | what |
//! |---|---|
//! | `sites` | where tapes begin and end, and what is updated |
//! | `updates` | the updates of a step, and the model that they train |
//! | `path` | all statements before a backward site |
//! | `slice` | those that the loss and the tape depend on |
//! | `helper` | a function of the user's in which a tape begins |
//! | `localize`, `prune` | what the replay runs of them |
//! | `records` | what comes into them from outside |
//! | `chunked`, `summed` | with `m`: what would be changed by the values of one chunk, or divided by their number |
//! | `constant` | expressions that are the same whenever they are evaluated, or hold no samples |
//! | `bounded` | with `clip`: the updates that bound their gradient |
//! | `generics` | type parameters that must be `Clone` |

mod bounded;
mod chunked;
mod constant;
mod generics;
mod helper;
pub(crate) mod localize;
mod path;
mod prune;
mod records;
mod sites;
mod slice;
mod summed;
mod updates;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Block, Expr, ItemFn, Stmt};

pub(crate) use self::prune::has_unknown_macro;

use self::{
    path::Path,
    records::{Behind, Records},
    sites::{Frame, NESTED_ITEM, Site, Sites},
    slice::Cut,
};
use crate::{
    args::Args,
    errors::{Errors, Kind, spelled},
    hygiene::Names,
    plan::{Backward, InLoop, Line, ModelPlace, NodeId, Plan, Region, Replay, id_of},
    source::{Uses, has_ident, has_punct},
};

/// What must be done to turn `item` into SAM steps, or the reasons why it can't be.
pub(crate) fn train_fn(item: &ItemFn, args: &Args, errors: &mut Errors) -> Option<Plan> {
    refuse_signature(item, errors);
    let sites = sites::sites(&item.block);
    refuse_hidden(&sites, errors);
    if sites.backwards.is_empty() {
        if !sites.hidden.iter().any(|(_, kind, _)| *kind == "backward") {
            errors.at(
                Kind::NoBackward,
                &item.sig.ident,
                "no training step found: there is no `.backward()` here\n\nhelp: a step is \
                 `model.forward_mut(x.traced(grads))`, then `loss.backward()`, then \
                 `opt.update(&mut model, &grads)`",
            );
        }
        return None;
    }
    let barriers: Vec<NodeId> = sites
        .backwards
        .iter()
        .chain(&sites.updates)
        .map(|site| id_of(site.call))
        .collect();
    let backwards: Vec<NodeId> = sites
        .backwards
        .iter()
        .map(|site| id_of(site.call))
        .collect();
    let mut regions = Vec::new();
    for backward in &sites.backwards {
        let step = StepOf {
            item,
            args,
            sites: &sites,
            barriers: &barriers,
            backwards: &backwards,
            backward,
        };
        if step.is_of_another_model() {
            continue;
        }
        regions.extend(step.region(regions.len(), errors));
    }
    refuse_shared_lines(&regions, &sites, errors);
    if regions.is_empty() && errors.is_empty() {
        errors.at(
            Kind::NoUpdate,
            args.model.as_ref()?,
            format!("no step here trains `{}`", spelled(args.model.as_ref()?)),
        );
    }
    errors.is_empty().then(|| Plan {
        cloned_types: generics::cloned_types(item, &regions),
        regions,
    })
}

fn refuse_signature(item: &ItemFn, errors: &mut Errors) {
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
fn refuse_hidden(sites: &Sites<'_>, errors: &mut Errors) {
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
fn refuse_shared_lines(regions: &[Region], sites: &Sites<'_>, errors: &mut Errors) {
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

/// One backward site of a function.
struct StepOf<'s, 'a> {
    item: &'a ItemFn,
    args: &'s Args,
    sites: &'s Sites<'a>,
    barriers: &'s [NodeId],
    backwards: &'s [NodeId],
    backward: &'s Site<'a>,
}

impl<'a> StepOf<'_, 'a> {
    /// The innermost statement with the site.
    fn stmt(&self) -> &'a Stmt {
        let (block, at) = innermost(self.backward).expect("a site is in the function's body");
        &block.stmts[at]
    }

    fn updates(&self) -> Vec<&Site<'a>> {
        updates::after(self.sites, self.backward, self.stmt())
    }

    /// Whether the key `model` names the model of other steps.
    fn is_of_another_model(&self) -> bool {
        let Some(named) = &self.args.model else {
            return false;
        };
        let named = crate::source::Place::behind(named).map(|(place, _)| place);
        let place_of = |site: &Site<'a>| {
            let mut unheard = Errors::default();
            updates::from_update(self.item, site, &mut unheard).map(|model| model.place)
        };
        let is_named_anywhere = self
            .sites
            .updates
            .iter()
            .any(|site| place_of(site) == named);
        let ours: Vec<_> = self.updates().into_iter().map(place_of).collect();
        is_named_anywhere && !ours.is_empty() && !ours.contains(&named)
    }

    fn region(&self, index: usize, errors: &mut Errors) -> Option<Region> {
        let backward = self.backward;
        let updates = self.the_updates(errors)?;
        let path = Path::to(backward, self.item);
        let model = updates::model(self.item, self.args, &updates, &path, errors)?;
        let words = Names::new(&self.args.krate, index).words();
        let cut = Cut {
            path: &path,
            model: &model.place,
            traces: &self.sites.traces,
            barriers: self.barriers,
            backwards: self.backwards,
            gradients: updates::assigned_gradients(backward),
            words: &words,
        };
        let slice = match cut.slice() {
            Ok(slice) => slice,
            Err(has_tape) => {
                self.refuse_no_forward(has_tape, errors);
                return None;
            }
        };
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
        let in_closure = path.closure_between(first, last);
        let leaves = slice.lines.iter().any(|line| line.replay.leaves());
        if in_closure && leaves {
            errors.at(
                Kind::BackwardInAnotherBlock,
                &backward.call.method,
                "`backward` is in a closure, and its forward pass leaves the function or the loop\n\n\
                 help: call `backward` outside the closure",
            );
            return None;
        }
        let is_in_arm = slice
            .lines
            .iter()
            .any(|line| matches!(line.replay, Replay::Arm(..)));
        if self.args.m.is_some() && is_in_arm {
            errors.at(
                Kind::BackwardInAnotherBlock,
                &backward.call.method,
                "with `m`, `backward` can't be in a pattern's branch that takes its forward pass apart\n\nhelp: \
                 bind the output before it, as in `let Ok(output) = .. else { .. };`",
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
        if self.args.m.is_some()
            && let Some(site) = self.sites.traces.iter().find(in_closure_of_m)
        {
            errors.at(
                Kind::HiddenSite,
                &site.call.method,
                "with `m`, the tape can't begin inside a closure, which is called with what `m` has cut\n\nhelp: \
                 trace where the closure is called, and hand it the traced input",
            );
            return None;
        }
        let records = Records {
            item: self.item,
            args: self.args,
            path: &path,
            model: &model,
            backward: id_of(backward.call),
            behind: self.behind(&path, first),
            inputs: self
                .sites
                .traces
                .iter()
                .filter(|site| slice.traces.iter().any(|t| t.node == id_of(site.call)))
                .map(|site| &*site.call.receiver)
                .collect(),
        };
        let (lines, traces) = records.lines(slice);
        let reaches_model = lines
            .iter()
            .any(|line| line.model.itself || line.model.owner);
        if !reaches_model {
            self.refuse_foreign_model(&model, errors);
        }
        let sums = match self.args.m {
            Some(_) => summed::sums(sources(&lines, &path), &traces),
            None => Vec::new(),
        };
        let has_bounds = self.args.clip.is_some() || self.args.clip_value.is_some();
        let bounds_itself =
            updates.is_empty() || bounded::follows(backward, &updates, &self.sites.backwards);
        let bounded = match has_bounds && !bounds_itself {
            true => bounded::bounded(self.item, &updates),
            false => Vec::new(),
        };
        let region = Region {
            index,
            bounded,
            optimizer: updates::optimizer(self.item, self.args, &updates, first),
            raise: self.raise(&lines, &updates, &path),
            in_loop: self.in_loop(&lines),
            backward: Backward {
                call: id_of(backward.call),
                fallible: backward.call.method == "try_backward",
                in_closure,
                model_is_free: !backward.within.iter().any(|call| {
                    let passed = [id_of(backward.call)];
                    Uses::of_expr(call, &passed).touch(&model.place)
                }),
            },
            lines,
            traces,
            sums,
            model,
        };
        self.refuse_splits(&region, &path, errors);
        Some(region)
    }

    fn the_updates(&self, errors: &mut Errors) -> Option<Vec<&Site<'a>>> {
        let updates = self.updates();
        if updates.is_empty() && self.args.model.is_none() {
            if let Some(early) = self.sites.updates.last() {
                let call = early.call;
                errors.at(
                    Kind::UpdateBeforeBackward,
                    &call.method,
                    format!(
                        "`update` comes before `backward`; move `{}.update(..)` behind it",
                        spelled(&call.receiver)
                    ),
                );
            } else {
                errors.at(
                    Kind::NoUpdate,
                    &self.backward.call.method,
                    "no `update` follows this `backward`, so the model to perturb is not known\n\nhelp: \
                     name it in the attribute, as in `#[sam_train(rho = 0.05, model = net)]`",
                );
            }
            return None;
        }
        Some(updates)
    }

    fn refuse_no_forward(&self, has_tape: bool, errors: &mut Errors) {
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

    fn refuse_foreign_model(&self, model: &ModelPlace, errors: &mut Errors) {
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
    fn refuse_splits(&self, region: &Region, path: &Path<'a>, errors: &mut Errors) {
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
        let Some(m) = &self.args.m else {
            return;
        };
        if !has_input && !has_split {
            errors.at(
                Kind::NothingToCut,
                m,
                "there is no batch to cut into chunks: the forward pass and the loss use nothing that is \
                 bound in the loop\n\nhelp: name what is to be cut with `split = [..]`, or leave out `m`",
            );
        } else if region.begins_without_batch() {
            errors.at(
                Kind::NothingToCut,
                m,
                "the first line of the forward pass uses nothing of the batch that is to be cut into chunks, and \
                 so can't tell how many there are\n\nhelp: let the line that runs the model use the batch, or leave \
                 out `m`",
            );
        }
        for (line, source) in sources(&region.lines, path) {
            if let Some(done) = chunked::done_by_chunk(line, source, &region.model.place) {
                done.refuse(errors);
            }
        }
    }

    /// The blocks behind the slice that may read what it binds, from the innermost on: each from the statement
    /// with the backward site on.
    fn behind(&self, path: &Path<'a>, first: usize) -> Vec<Behind<'a>> {
        let begin = path.line(first).expect("a line").at.block;
        let blocks = self.backward.stack.iter().filter_map(|frame| match frame {
            Frame::Block(block, at) => Some((id_of(*block), &block.stmts[*at..])),
            _ => None,
        });
        let inside = blocks.skip_while(|(block, _)| *block != begin);
        let mut behind: Vec<_> = inside
            .map(|(block, stmts)| Behind { block, stmts })
            .collect();
        behind.reverse();
        behind
    }

    /// The function's return type, if it can be named and one of the step's statements has a `?`: the step's
    /// errors leave in the same way.
    fn raise(&self, lines: &[Line], updates: &[&Site<'a>], path: &Path<'a>) -> Option<TokenStream> {
        let syn::ReturnType::Type(_, ty) = &self.item.sig.output else {
            return None;
        };
        let of_slice = path.lines().filter_map(|(_, line)| match line.source {
            path::Source::Stmt(stmt) if lines.iter().any(|l| l.at == line.at) => Some(stmt),
            _ => None,
        });
        let of_updates = updates
            .iter()
            .filter_map(|site| innermost(site))
            .map(|(block, at)| &block.stmts[at]);
        let mut stmts = of_slice.chain(of_updates).chain([self.stmt()]);
        let raises = !has_ident(ty, "impl") && stmts.any(|stmt| has_punct(stmt, '?'));
        raises.then(|| ty.to_token_stream())
    }

    /// The innermost loop around the slice.
    fn in_loop(&self, lines: &[Line]) -> Option<InLoop> {
        let begin = lines[0].at.block;
        let depth =
            self.backward.stack.iter().position(
                |frame| matches!(frame, Frame::Block(block, _) if id_of(*block) == begin),
            )?;
        let mut around = self.backward.stack[..depth].iter().rev();
        around
            .find_map(|frame| match frame {
                Frame::Loop { id, label, .. } => Some(Some(InLoop {
                    id: *id,
                    label: label.map(|label| label.name.clone()),
                })),
                Frame::Closure(_) => Some(None),
                _ => None,
            })
            .flatten()
    }
}

/// The lines of a slice, with what the user wrote.
fn sources<'l, 'a: 'l>(
    lines: &'l [Line],
    path: &'l Path<'a>,
) -> impl Iterator<Item = (&'l Line, path::Source<'a>)> {
    lines.iter().filter_map(|line| {
        let mut of_line = path.lines().filter(|(_, found)| found.at == line.at);
        let found = of_line.find(|(_, found)| {
            matches!(
                (&line.replay, found.source),
                (Replay::Stmt(_), path::Source::Stmt(_))
                    | (Replay::Arm(..), path::Source::Arm(..))
                    | (Replay::Loss(_), path::Source::Loss(_))
            )
        });
        Some((line, found?.1.source))
    })
}

fn innermost<'a>(site: &Site<'a>) -> Option<(&'a Block, usize)> {
    site.stack.iter().rev().find_map(|frame| match frame {
        Frame::Block(block, at) => Some((*block, *at)),
        _ => None,
    })
}

/// `x` of `(x)`: bound by a `let`, it would be warned of its parentheses.
pub(crate) fn unparenthesized(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => unparenthesized(&inner.expr),
        other => other,
    }
}
