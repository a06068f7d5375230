//! Reads a function: finds the steps, and what each statement is to them.
//!
//! | file | what |
//! |---|---|
//! | `sites` | where tapes begin and end, and what is updated |
//! | `updates` | the updates of a step, and the model that they train |
//! | `path` | all statements before a backward site |
//! | `slice` | those that the loss and the tape depend on |
//! | `changes` | what a line changes |
//! | `replayed` | the lines of the slice as the replay runs them |
//! | `helper` | a function of the user's in which a tape begins |
//! | `localize`, `prune` | what the replay runs of them |
//! | `records` | what comes into them from outside |
//! | `takes` | what a line takes from those before it, and what the loop reads of it |
//! | `chunked`, `summed` | with `m`: what would be changed by the values of one chunk, or divided by their number |
//! | `at_once` | with `parallel`: what can't be done on several threads |
//! | `constant` | expressions that are the same whenever they are evaluated, or hold no samples |
//! | `refusals` | what can't be read, and what is then said |
//! | `bounded` | with `clip`: the updates that bound their gradient |
//! | `generics` | type parameters that must be `Clone` |

mod at_once;
mod bounded;
mod changes;
mod chunked;
mod constant;
mod generics;
mod helper;
pub(crate) mod localize;
mod path;
mod prune;
mod records;
mod refusals;
mod replayed;
mod sites;
mod slice;
mod summed;
mod takes;
mod updates;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Block, Expr, ItemFn, Stmt};

pub(crate) use self::prune::has_unknown_macro;

use self::{
    path::Path,
    records::{Behind, Records},
    sites::{Frame, Site, Sites},
    slice::Cut,
};
use crate::{
    args::Args,
    errors::{Errors, Kind, spelled},
    hygiene::Names,
    plan::{Backward, InLoop, Line, NodeId, Plan, Region, Replay, id_of},
    source::{Uses, has_ident, has_punct},
};

/// What must be done to turn `item` into SAM steps, or the reasons why it can't be.
pub(crate) fn train_fn(item: &ItemFn, args: &Args, errors: &mut Errors) -> Option<Plan> {
    refusals::refuse_signature(item, errors);
    let sites = sites::sites(&item.block);
    refusals::refuse_hidden(&sites, errors);
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
    refusals::refuse_shared_lines(&regions, &sites, errors);
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
        let in_closure = path.closure_between(first, path.steps.len() - 1);
        self.refuse_places(&slice, &path, in_closure, errors)?;
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
