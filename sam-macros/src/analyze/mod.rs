//! Reads a function: finds the step, and what each statement is to it.
//!
//! | file | what |
//! |---|---|
//! | `locate` | the three sites, and what they stand in |
//! | `place` | the model that `update` trains |
//! | `names` | which variables a piece of source uses, and how |
//! | `dataflow` | slice and observers |
//! | `captures` | what crosses the border of the slice |
//! | `generics` | type parameters that both passes need a copy of |

mod captures;
mod dataflow;
mod generics;
mod locate;
mod names;
mod place;

use quote::ToTokens;
use syn::{Block, Expr, ItemFn, Stmt};

use self::{
    dataflow::{Region, is_variable},
    locate::{Frame, Site, Sites},
    names::Uses,
};
use crate::{
    args::{Args, is_place},
    errors::{Errors, Kind, spelled},
    model::{Backward, Forward, InLoop, ModelPlace, Plan, Role, id_of},
    tokens,
};

/// What must be done to turn `item` into a SAM step, or the reasons why it can't be.
pub(crate) fn train_fn(item: &ItemFn, args: &Args, errors: &mut Errors) -> Option<Plan> {
    refuse_signature(item, errors);
    let sites = locate::sites(&item.block);
    let backward = the_backward(item, &sites, errors)?;
    let trace = the_trace(&sites, backward, errors)?;
    let common = common_block(trace, backward, errors)?;
    let (block, first, last) = common;
    let updates = the_updates(&sites, backward, &block.stmts[last], args, errors)?;
    let model = place::model(item, args, &updates, &backward.stack, errors)?;

    let mut region = region(item, &sites, trace, backward, common, &model);
    let mut roles = region.roles();
    if first != last && roles[first - region.first] != Role::Slice {
        errors.at(
            Kind::LossWithoutForward,
            &backward.call.receiver,
            "this loss does not depend on the forward pass with the tape\n\nhelp: `backward` must be \
             called on what is computed from the traced input",
        );
        return None;
    }
    // Traced inputs that do not reach the loss are no part of the step.
    let start = (region.first..first)
        .find(|i| roles[i - region.first] == Role::Slice && traces_in(&sites, block, *i))
        .unwrap_or(first);
    roles.drain(..start - region.first);
    region.first = start;

    region.find_declared(&roles);
    let forward = forward(&region, trace, args, start == first);
    if forward.hoisted {
        region.outside.push(id_of(&*trace.call.receiver));
    }
    refuse_foreign_model(&region, &roles, &model, trace, errors);
    region.refuse_side_effects(&roles, errors);
    let batch = captures::batch_variables(item, &backward.stack, &region, &roles);
    let captures = captures::captures(&region, &roles, &batch, args, errors);
    refuse_nothing_to_cut(args, &forward, &captures, errors);

    let raising: Vec<&Stmt> = block.stmts[region.first..=last]
        .iter()
        .chain(updates.iter().filter_map(|site| innermost_stmt(site)))
        .collect();
    Some(Plan {
        block: id_of(block),
        region: region.first..=last,
        declared: region.declared.clone(),
        seen: captures::seen(&region, &roles, id_of(backward.call)),
        roles,
        forward,
        backward: Backward {
            call: id_of(backward.call),
            fallible: backward.call.method == "try_backward",
        },
        optimizer: place::optimizer(args, &updates),
        cloned_types: generics::cloned_types(item, &model, &captures),
        captures,
        in_loop: in_loop(&backward.stack, block),
        raise: place::raise(item, &raising),
        model,
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

fn the_backward<'s, 'a>(
    item: &ItemFn,
    sites: &'s Sites<'a>,
    errors: &mut Errors,
) -> Option<&'s Site<'a>> {
    match sites.backwards.as_slice() {
        [one] => return Some(one),
        [] => {
            if !report_hidden(sites, "backward", errors) {
                errors.at(
                    Kind::NoBackward,
                    &item.sig.ident,
                    "no training step found: there is no `.backward()` here\n\nhelp: a step is \
                     `model.forward_mut(x.traced(grads))`, then `loss.backward()`, then \
                     `opt.update(&mut model, &grads)`",
                );
            }
        }
        [_, more @ ..] => {
            for site in more {
                errors.at(
                    Kind::TwoSteps,
                    &site.call.method,
                    "a second training step; `sam_train` reads one step for each function\n\nhelp: \
                     move this step into a function of its own, with its own `#[sam_train]`",
                );
            }
        }
    }
    None
}

/// Reports sites where the macro can't follow; whether there were any.
fn report_hidden(sites: &Sites<'_>, kind: &str, errors: &mut Errors) -> bool {
    let hidden = sites.hidden.iter().filter(|(_, of, _)| *of == kind);
    let mut found = false;
    for (span, kind, by) in hidden {
        found = true;
        errors.at_span(
            Kind::HiddenSite,
            *span,
            format!(
                "this {kind} pass is inside a {by}, which `sam_train` can't look into\n\nhelp: write \
                 it in the function itself, or put the attribute on the function that holds it"
            ),
        );
    }
    found
}

/// The traced input that the loss starts from: with gradients if there is one.
fn the_trace<'s, 'a>(
    sites: &'s Sites<'a>,
    backward: &Site<'a>,
    errors: &mut Errors,
) -> Option<&'s Site<'a>> {
    let before = sites
        .traces
        .iter()
        .filter(|site| site.order < backward.order);
    let in_reach: Vec<_> = before
        .filter(|site| shared_block(site, backward).is_some())
        .collect();
    let with_gradients = in_reach
        .iter()
        .rev()
        .find(|site| !site.call.args.is_empty());
    let found = with_gradients.or(in_reach.last()).copied();
    if found.is_none() && !report_hidden(sites, "forward", errors) {
        let (kind, message) = if sites.traces.is_empty() {
            (
                Kind::NoForward,
                "no forward pass with a tape before this `backward`\n\nhelp: the tape begins at `x.traced(grads)`, as in \
                 `model.forward_mut(x.traced(grads))`; where a function of yours traces, trace before you call \
                 it: `loss_of(model, x.traced(grads), y)`",
            )
        } else {
            (
                Kind::BackwardBeforeForward,
                "this `backward` comes before its forward pass; move it behind",
            )
        };
        errors.at(kind, &backward.call.method, message);
    }
    found
}

/// The innermost block that holds both sites, and the statements of it that they are in.
fn shared_block<'a>(a: &Site<'a>, b: &Site<'a>) -> Option<(&'a Block, usize, usize, usize)> {
    let mut shared = None;
    for (depth, frames) in a.stack.iter().zip(&b.stack).enumerate() {
        match frames {
            (Frame::Block(x, i), Frame::Block(y, j)) if std::ptr::eq(*x, *y) => {
                shared = Some((*x, *i, *j, depth));
                if i != j {
                    break;
                }
            }
            (Frame::Block(..), _) | (_, Frame::Block(..)) => break,
            _ => {}
        }
    }
    shared
}

fn common_block<'a>(
    trace: &Site<'a>,
    backward: &Site<'a>,
    errors: &mut Errors,
) -> Option<(&'a Block, usize, usize)> {
    let (block, first, last, depth) = shared_block(trace, backward)?;
    let nested = backward.stack[depth + 1..]
        .iter()
        .any(|frame| matches!(frame, Frame::Block(..) | Frame::Branch | Frame::Loop { .. }));
    if nested {
        errors.at(
            Kind::BackwardInAnotherBlock,
            &backward.call.method,
            "`backward` is in another block than its forward pass\n\nhelp: call it in the block with \
             `traced`; what follows it may stand in an `if`",
        );
        return None;
    }
    Some((block, first, last))
}

fn the_updates<'s, 'a>(
    sites: &'s Sites<'a>,
    backward: &Site<'a>,
    stmt: &Stmt,
    args: &Args,
    errors: &mut Errors,
) -> Option<Vec<&'s Site<'a>>> {
    let updates = place::updates_after(&sites.updates, backward, stmt);
    if updates.is_empty() && args.model.is_none() {
        if let Some(early) = sites.updates.last() {
            let call = early.call;
            errors.at(
                Kind::UpdateBeforeBackward,
                &call.method,
                format!(
                    "`update` comes before `backward`; move `{}.update(..)` behind it",
                    spelled(&call.receiver)
                ),
            );
        } else if !report_hidden(sites, "update", errors) {
            errors.at(
                Kind::NoUpdate,
                &backward.call.method,
                "no `update` follows this `backward`, so the model to perturb is not known\n\nhelp: \
                 name it in the attribute, as in `#[sam_train(rho = 0.05, model = net)]`",
            );
        }
        return None;
    }
    Some(updates)
}

fn region<'a>(
    item: &ItemFn,
    sites: &Sites<'a>,
    trace: &Site<'a>,
    backward: &Site<'a>,
    (block, first, last): (&'a Block, usize, usize),
    model: &'a ModelPlace,
) -> Region<'a> {
    let earliest = (0..first)
        .find(|i| traces_in(sites, block, *i))
        .unwrap_or(first);
    let start = trace.call.args.first();
    let (mutable, stateful) = captures::mutable_variables(item, &backward.stack, (block, earliest));
    Region {
        block,
        first: earliest,
        last,
        loss: &backward.call.receiver,
        outside: start.map(id_of).into_iter().collect(),
        model: &model.place,
        traced: (0..=last).filter(|i| traces_in(sites, block, *i)).collect(),
        mutable,
        stateful,
        declared: Vec::new(),
    }
}

/// Whether a trace site is in statement `i` of `block`.
fn traces_in(sites: &Sites<'_>, block: &Block, i: usize) -> bool {
    sites.traces.iter().any(|site| {
        site.stack.iter().any(
            |frame| matches!(frame, Frame::Block(b, at) if std::ptr::eq(*b, block) && *at == i),
        )
    })
}

fn forward(region: &Region<'_>, trace: &Site<'_>, args: &Args, is_first: bool) -> Forward {
    let call = trace.call;
    let input = &*call.receiver;
    let depth = trace
        .stack
        .iter()
        .position(|frame| matches!(frame, Frame::Block(b, _) if std::ptr::eq(*b, region.block)));
    let is_nested = depth.is_some_and(|depth| trace.stack.len() > depth + 1);
    let mentions_model = {
        let uses = Uses::of_expr(input, &[], None);
        let place = tokens::Rule::place(region.model, quote::quote!());
        let in_tokens = place.is_some_and(|rule| tokens::count(input.to_token_stream(), &rule) > 0);
        in_tokens
            || uses
                .names()
                .iter()
                .any(|name| is_variable(region.model, name))
    };
    Forward {
        call: id_of(call),
        hoisted: is_first && !is_nested && !mentions_model && args.split.is_none(),
        borrowed: call.method == "trace"
            || call.method == "leaky_trace"
            || is_place(input)
            || matches!(input, Expr::Index(_)),
        input: input.clone(),
        start: call.args.first().cloned(),
    }
}

/// The model must be what the forward pass runs on.
fn refuse_foreign_model(
    region: &Region<'_>,
    roles: &[Role],
    model: &ModelPlace,
    trace: &Site<'_>,
    errors: &mut Errors,
) {
    let mentioned = match model.variable() {
        Some(variable) => {
            captures::uses_of_slice(region, roles).contains_key(&variable.to_string())
        }
        None => {
            let rule = tokens::Rule::place(&model.place, quote::quote!());
            let slice = region.block.stmts[region.first..region.last]
                .iter()
                .zip(roles)
                .filter(|(_, role)| **role == Role::Slice)
                .map(|(stmt, _)| stmt.to_token_stream())
                .chain([region.loss.to_token_stream()]);
            rule.is_some_and(|rule| slice.map(|t| tokens::count(t, &rule)).sum::<usize>() > 0)
        }
    };
    if !mentioned {
        errors.at(
            Kind::ForeignModel,
            &trace.call.method,
            format!(
                "this forward pass does not mention `{place}`, the model that is trained, so SAM \
                 can't run it at the perturbed weights\n\nhelp: write `{place}.forward_mut(..)` here, \
                 or hand `{place}` to the function that does; where a method of its owner runs it, \
                 name the owner with `model = ..`",
                place = spelled(&model.place),
            ),
        );
    }
}

/// `m` needs something to cut.
fn refuse_nothing_to_cut(
    args: &Args,
    forward: &Forward,
    captures: &[crate::model::Capture],
    errors: &mut Errors,
) {
    if let Some(m) = &args.m
        && !forward.hoisted
        && !captures.iter().any(|capture| capture.split)
    {
        errors.at(
            Kind::NothingToCut,
            m,
            "there is no batch to cut into chunks: the forward pass and the loss use nothing that is \
             bound in the loop\n\nhelp: name what is to be cut with `split = [..]`, or leave out `m`",
        );
    }
}

fn innermost_stmt<'a>(site: &Site<'a>) -> Option<&'a Stmt> {
    site.stack.iter().rev().find_map(|frame| match frame {
        Frame::Block(block, at) => Some(&block.stmts[*at]),
        _ => None,
    })
}

/// The innermost loop around `block`.
fn in_loop(stack: &[Frame<'_>], block: &Block) -> Option<InLoop> {
    let depth = stack
        .iter()
        .position(|frame| matches!(frame, Frame::Block(b, _) if std::ptr::eq(*b, block)))?;
    stack[..depth].iter().rev().find_map(|frame| match frame {
        Frame::Loop { id, label } => Some(InLoop {
            id: *id,
            label: label.map(|label| label.name.clone()),
        }),
        _ => None,
    })
}
