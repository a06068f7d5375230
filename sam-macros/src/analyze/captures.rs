//! What crosses the border of the slice: values of the batch inwards, values of the slice outwards.

use std::collections::{BTreeMap, HashSet};

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Block, Expr, FnArg, ItemFn, Pat, Stmt, Type};

use super::{
    dataflow::{Region, binds_mut, is_variable, visible},
    locate::Frame,
    names::{How, Use, Uses, bound_by, bound_by_stmt},
};
use crate::{
    args::Args,
    errors::{Errors, Kind},
    model::{Capture, Role, Seen},
    tokens::{self, Rule},
};

/// The variables that are bound for each batch: in the innermost loop around the step, or in the
/// function where there is none.
pub(super) fn batch_variables(
    item: &ItemFn,
    stack: &[Frame<'_>],
    region: &Region<'_>,
    roles: &[Role],
) -> HashSet<String> {
    let innermost = stack
        .iter()
        .rposition(|frame| matches!(frame, Frame::Loop { .. }));
    let mut names: Vec<Ident> = Vec::new();
    if innermost.is_none() {
        for arg in &item.sig.inputs {
            if let FnArg::Typed(arg) = arg {
                names.extend(bound_by(&arg.pat));
            }
        }
    }
    for frame in &stack[innermost.map_or(0, |i| i + 1)..] {
        match frame {
            Frame::Binds(pat) => names.extend(bound_by(pat)),
            Frame::Block(block, at) => {
                let is_ours = std::ptr::eq(*block, region.block);
                let before = if is_ours { region.first } else { *at };
                names.extend(block.stmts[..before].iter().flat_map(bound_to_a_value));
                if is_ours {
                    break;
                }
            }
            Frame::Loop { .. } | Frame::Branch => {}
        }
    }
    for (stmt, role) in region.block.stmts[region.first..].iter().zip(roles) {
        if *role == Role::Batch {
            names.extend(bound_to_a_value(stmt));
        }
    }
    let mut names: HashSet<String> = names.iter().map(ToString::to_string).collect();
    if innermost.is_none() {
        // A `&mut` parameter can't be copied; the slice uses it where it is.
        for arg in &item.sig.inputs {
            if let FnArg::Typed(arg) = arg
                && let (Pat::Ident(pat), Type::Reference(ty)) = (&*arg.pat, &*arg.ty)
                && ty.mutability.is_some()
            {
                names.remove(&pat.ident.to_string());
            }
        }
    }
    names
}

/// What a statement binds, but for a number: `let half = 0.5;` is the same for every chunk, and its
/// type may still be open.
fn bound_to_a_value(stmt: &Stmt) -> Vec<Ident> {
    match stmt {
        Stmt::Local(local) if matches!(&local.init, Some(init) if matches!(*init.expr, Expr::Lit(_))) => {
            Vec::new()
        }
        _ => bound_by_stmt(stmt),
    }
}

/// The variables outside the region that can be changed where they are, and the closures among
/// them.
pub(super) fn mutable_variables(
    item: &ItemFn,
    stack: &[Frame<'_>],
    (own, first): (&Block, usize),
) -> (HashSet<String>, HashSet<String>) {
    let (mut mutable, mut closures) = (HashSet::new(), HashSet::new());
    let mut add = |pat: &Pat| {
        let bound = bound_by(pat).into_iter().map(|ident| ident.to_string());
        mutable.extend(bound.filter(|name| binds_mut(pat, name)));
    };
    for arg in &item.sig.inputs {
        if let FnArg::Typed(arg) = arg {
            add(&arg.pat);
        }
    }
    for frame in stack {
        match frame {
            Frame::Binds(pat) => add(pat),
            Frame::Block(block, at) => {
                let before = if std::ptr::eq(*block, own) {
                    first
                } else {
                    *at
                };
                for stmt in &block.stmts[..before] {
                    if let Stmt::Local(local) = stmt {
                        add(&local.pat);
                        if let Some(init) = &local.init
                            && matches!(*init.expr, Expr::Closure(_))
                        {
                            closures.extend(bound_by(&local.pat).iter().map(ToString::to_string));
                        }
                    }
                }
            }
            Frame::Loop { .. } | Frame::Branch => {}
        }
    }
    for arg in &item.sig.inputs {
        if let FnArg::Typed(arg) = arg
            && let (Pat::Ident(pat), Type::Reference(ty)) = (&*arg.pat, &*arg.ty)
            && ty.mutability.is_some()
        {
            mutable.insert(pat.ident.to_string());
        }
    }
    closures.retain(|name| mutable.contains(name));
    (mutable, closures)
}

/// What the slice uses of the batch.
pub(super) fn captures(
    region: &Region<'_>,
    roles: &[Role],
    batch: &HashSet<String>,
    args: &Args,
    errors: &mut Errors,
) -> Vec<Capture> {
    let used = uses_of_slice(region, roles);
    let listed = |name: &str| {
        args.split
            .as_ref()
            .map(|names| names.iter().any(|listed| listed == name))
    };
    if let Some(names) = &args.split {
        for name in names {
            if !used.contains_key(&name.to_string()) {
                errors.at(
                    Kind::SplitUnused,
                    name,
                    format!("`{name}` is used neither by the forward pass nor by the loss; take it out of `split`"),
                );
            }
        }
    }
    let mut captures = Vec::new();
    for (name, uses) in &used {
        let is_batch = batch.contains(name) || listed(name) == Some(true);
        if !is_batch || is_variable(region.model, name) || name == "self" {
            continue;
        }
        let split = args.m.is_some() && listed(name).unwrap_or(true);
        captures.extend(capture(uses, split));
    }
    captures
}

/// How one variable comes into the passes: by its fields, as itself, or not at all.
fn capture(uses: &[Use], split: bool) -> Vec<Capture> {
    let variable = uses[0].ident.clone();
    let uses: Vec<&Use> = uses.iter().filter(|u| u.how != How::FieldChanged).collect();
    let fields: Option<Vec<_>> = uses
        .iter()
        .map(|u| match &u.how {
            How::Field(member) => Some(member.clone()),
            _ => None,
        })
        .collect();
    if let Some(members) = fields {
        let mut distinct: Vec<syn::Member> = Vec::new();
        for member in members {
            if !distinct.contains(&member) {
                distinct.push(member);
            }
        }
        return distinct
            .into_iter()
            .map(|member| Capture {
                place: syn::parse_quote!(#variable.#member),
                variable: None,
                consumed: false,
                split,
            })
            .collect();
    }
    let only_called = uses.iter().all(|u| u.how == How::Call);
    let only_looked_at = uses
        .iter()
        .all(|u| matches!(u.how, How::Borrow | How::Macro { only_reads: true }));
    if only_called || (only_looked_at && !split) {
        return Vec::new();
    }
    let consumed = uses
        .iter()
        .any(|u| matches!(u.how, How::Value | How::Macro { only_reads: false }));
    vec![Capture {
        place: syn::parse_quote!(#variable),
        variable: Some(variable),
        consumed,
        split,
    }]
}

/// The variables from outside that the slice uses, by name.
pub(super) fn uses_of_slice(region: &Region<'_>, roles: &[Role]) -> BTreeMap<String, Vec<Use>> {
    let mut used: BTreeMap<String, Vec<Use>> = BTreeMap::new();
    let mut bound = region.declared_names();
    let mut add = |uses: Uses<'_>, bound: &HashSet<String>| {
        for u in uses.all {
            let name = u.ident.to_string();
            if !bound.contains(&name) {
                used.entry(name).or_default().push(u);
            }
        }
    };
    for (k, role) in roles.iter().enumerate() {
        if *role == Role::Slice {
            add(region.uses_of_stmt(region.first + k), &bound);
            let names = bound_by_stmt(&region.block.stmts[region.first + k]);
            bound.extend(names.iter().map(ToString::to_string));
        }
    }
    add(region.uses_of_loss(), &bound);
    used
}

/// What the statements outside the slice read of it.
pub(super) fn seen(
    region: &Region<'_>,
    roles: &[Role],
    backward: crate::model::NodeId,
) -> Vec<Vec<Seen>> {
    let block: &Block = region.block;
    let mut all = Vec::new();
    let stmts = block.stmts[region.first..region.last]
        .iter()
        .zip(roles.iter().copied());
    let of_slice = visible(region.declared_names(), stmts, |stmt, role, of_slice| {
        all.push(match role {
            Role::Observer => seen_by(stmt, of_slice),
            Role::Slice | Role::Batch | Role::Item => Vec::new(),
        });
    });
    all.push(seen_at_the_end(block, region.last, backward, of_slice));
    all
}

fn seen_by(stmt: &Stmt, of_slice: &HashSet<String>) -> Vec<Seen> {
    let uses = Uses::of_stmt(stmt, &[], None);
    distinct(&uses, of_slice)
        .into_iter()
        .map(|variable| {
            let reads = reads_in(stmt, &variable);
            Seen { variable, reads }
        })
        .collect()
}

fn distinct(uses: &Uses<'_>, of_slice: &HashSet<String>) -> Vec<Ident> {
    let mut variables: Vec<Ident> = Vec::new();
    for u in &uses.all {
        if of_slice.contains(&u.ident.to_string()) && !variables.contains(&u.ident) {
            variables.push(u.ident.clone());
        }
    }
    variables
}

const READS: [&str; 2] = ["array", "as_vec"];

/// The reads of `variable` in `stmt`, if it does nothing else with it.
fn reads_in(stmt: &Stmt, variable: &Ident) -> Vec<&'static str> {
    let name = variable.to_string();
    let mut mentions = Vec::new();
    tokens::idents(stmt.to_token_stream(), &mut mentions);
    let mentions = mentions.iter().filter(|ident| **ident == name).count();
    let count = |method: &&'static str| {
        tokens::count(
            stmt.to_token_stream(),
            &Rule::read(&name, method, quote::quote!()),
        )
    };
    if READS.iter().map(count).sum::<usize>() == mentions {
        READS
            .into_iter()
            .filter(|method| count(method) > 0)
            .collect()
    } else {
        Vec::new()
    }
}

/// What the backward statement (beside the loss) and the statements after it read of the slice.
fn seen_at_the_end(
    block: &Block,
    last: usize,
    backward: crate::model::NodeId,
    mut of_slice: HashSet<String>,
) -> Vec<Seen> {
    let passed_over = [backward];
    let at_backward = Uses::of_stmt(&block.stmts[last], &passed_over, None);
    let mut seen: Vec<Seen> = distinct(&at_backward, &of_slice)
        .into_iter()
        .map(|variable| {
            let of_variable = at_backward.all.iter().filter(|u| u.ident == variable);
            let read = |u: &Use| match &u.how {
                How::Receiver(method) => READS.into_iter().find(|read| read == method),
                _ => None,
            };
            let reads: Option<Vec<_>> = of_variable.map(read).collect();
            let mut reads = reads.unwrap_or_default();
            reads.dedup();
            Seen { variable, reads }
        })
        .collect();
    for stmt in &block.stmts[last..] {
        if !std::ptr::eq(stmt, &raw const block.stmts[last]) {
            let uses = Uses::of_stmt(stmt, &[], None);
            for variable in distinct(&uses, &of_slice) {
                match seen.iter_mut().find(|s| s.variable == variable) {
                    Some(known) => known.reads.clear(),
                    None => seen.push(Seen {
                        variable,
                        reads: Vec::new(),
                    }),
                }
            }
        }
        for name in bound_by_stmt(stmt) {
            of_slice.remove(&name.to_string());
        }
    }
    seen
}
