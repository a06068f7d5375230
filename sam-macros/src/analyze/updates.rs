//! The updates of a step, and the model that they train.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, ItemFn, Stmt};

use super::{
    path::Path,
    sites::{Frame, Site, Sites},
};
use crate::{
    args::Args,
    errors::{Errors, Kind},
    plan::ModelPlace,
    source::{Place, Uses, bound_by_stmt, has_ident},
};

/// The update sites of a step: of those up to the next `backward`, the ones that take its gradients, or else all.
/// Where there are none, it is the first one after that.
pub(super) fn after<'s, 'a>(
    sites: &'s Sites<'a>,
    backward: &Site<'a>,
    stmt: &Stmt,
) -> Vec<&'s Site<'a>> {
    let after = sites
        .updates
        .iter()
        .filter(|site| site.order > backward.order);
    let next = sites
        .backwards
        .iter()
        .map(|site| site.order)
        .find(|order| *order > backward.order);
    let (before, behind): (Vec<_>, Vec<_>) =
        after.partition(|site| next.is_none_or(|next| site.order < next));
    let after = if before.is_empty() {
        behind.into_iter().take(1).collect()
    } else {
        before
    };
    let gradients = gradient_names(stmt);
    let takes_gradients = |site: &&Site<'a>| {
        let uses = Uses::of_expr(&site.call.args[1], &[]);
        gradients
            .iter()
            .any(|place| uses.touch(place) || uses.mention(&place.to_string()))
    };
    let ours: Vec<_> = after.iter().copied().filter(takes_gradients).collect();
    if ours.is_empty() { after } else { ours }
}

/// Where the backward statement puts the gradients.
fn gradient_names(stmt: &Stmt) -> Vec<Place> {
    match stmt {
        Stmt::Local(_) => bound_by_stmt(stmt).iter().map(Place::of_variable).collect(),
        Stmt::Expr(Expr::Assign(assign), _) => Place::behind(&assign.left)
            .map(|(place, _)| place)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// The variable that the backward statement assigns: in a loop, what the next tape begins with.
pub(super) fn assigned_gradients(site: &Site<'_>) -> Option<Place> {
    site.stack.iter().rev().find_map(|frame| match frame {
        Frame::Block(block, at) => match &block.stmts[*at] {
            Stmt::Expr(Expr::Assign(assign), _) => Place::of_expr(&assign.left),
            _ => None,
        },
        _ => None,
    })
}

/// The model that the updates train, or that the key `model` names.
pub(super) fn model(
    item: &ItemFn,
    args: &Args,
    updates: &[&Site<'_>],
    path: &Path<'_>,
    errors: &mut Errors,
) -> Option<ModelPlace> {
    let mut trained: Option<ModelPlace> = None;
    for site in updates {
        let found = from_update(item, site, errors)?;
        match &trained {
            Some(first) if first.place != found.place && args.model.is_none() => {
                errors.at(
                    Kind::TwoModels,
                    &site.call.args[0],
                    format!(
                        "this trains `{}`, and the update before it `{}`; SAM perturbs one model\
                         \n\nhelp: put both into one module, or name the one to perturb with `model = ..`",
                        found.place, first.place,
                    ),
                );
                return None;
            }
            Some(_) => {}
            None => trained = Some(found),
        }
    }
    let Some(named) = &args.model else {
        return trained;
    };
    let (place, dereferenced) = Place::behind(named)?;
    match trained {
        Some(trained) if trained.place == place => Some(trained),
        _ => {
            let declared = path.declared(&place.root, path.steps.len());
            let is_reference =
                place.is_variable() && declared.as_ref().is_some_and(|d| d.reference.is_some());
            let is_mutable = match &declared {
                Some(declared) => declared.reference.unwrap_or(declared.mutable),
                None => self_is_mutable(item),
            };
            Some(ModelPlace {
                is_reference: dereferenced || is_reference,
                is_mutable,
                place,
            })
        }
    }
}

fn self_is_mutable(item: &ItemFn) -> bool {
    item.sig
        .receiver()
        .is_none_or(|receiver| has_ident(receiver, "mut"))
}

/// What an update trains.
pub(super) fn from_update(
    item: &ItemFn,
    site: &Site<'_>,
    errors: &mut Errors,
) -> Option<ModelPlace> {
    let argument = &site.call.args[0];
    let (inner, borrowed) = match argument {
        Expr::Reference(reference) => (&*reference.expr, true),
        other => (other, false),
    };
    let Some((place, dereferenced)) = Place::behind(inner) else {
        errors.at(
            Kind::ModelNoPlace,
            argument,
            "the model that `update` trains must be a variable or a field, such as `&mut model` or \
             `&mut self.net`\n\nhelp: bind it to a variable before the forward pass",
        );
        return None;
    };
    // `&mut model` of a `model: &mut Net` is a `&mut Net` too, by coercion.
    let path = Path::to(site, item);
    let declared = path.declared(&place.root, path.steps.len());
    let is_reference =
        place.is_variable() && declared.is_some_and(|declared| declared.reference.is_some());
    Some(ModelPlace {
        is_reference: dereferenced || !borrowed || is_reference,
        is_mutable: true,
        place,
    })
}

/// The optimizer, where `update` is called on a variable or a field that the step can see when it begins.
pub(super) fn optimizer(
    item: &ItemFn,
    args: &Args,
    updates: &[&Site<'_>],
    first_step: usize,
) -> Option<TokenStream> {
    let site = updates.first()?;
    let (place, _) = Place::behind(&site.call.receiver)?;
    let path = Path::to(site, item);
    let is_in_sight = place.root == "self"
        || path
            .declared(&place.root, path.steps.len())
            .is_some_and(|declared| declared.step < first_step);
    (args.model.is_none() && is_in_sight).then(|| place.to_token_stream())
}
