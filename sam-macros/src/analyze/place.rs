//! The model: what `update` trains.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, FnArg, ItemFn, Pat, Stmt, Type, UnOp};

use super::{
    locate::{Frame, Site},
    names::bound_by,
};
use crate::{
    args::{Args, is_place},
    errors::{Errors, Kind, spelled},
    model::ModelPlace,
    tokens,
};

/// The update sites that come after `backward` and take its gradients.
pub(super) fn updates_after<'s, 'a>(
    updates: &'s [Site<'a>],
    backward: &Site<'a>,
    stmt: &Stmt,
) -> Vec<&'s Site<'a>> {
    let after: Vec<_> = updates
        .iter()
        .filter(|site| site.order > backward.order)
        .collect();
    let gradients = gradient_names(stmt);
    let takes_gradients = |site: &&Site<'a>| {
        let mut names = Vec::new();
        tokens::idents(site.call.args[1].to_token_stream(), &mut names);
        names
            .iter()
            .any(|name| gradients.contains(&name.to_string()))
    };
    let ours: Vec<_> = after.iter().copied().filter(takes_gradients).collect();
    if ours.is_empty() { after } else { ours }
}

/// Where the backward statement puts the gradients.
fn gradient_names(stmt: &Stmt) -> Vec<String> {
    let mut names = Vec::new();
    match stmt {
        Stmt::Local(local) => names = bound_by(&local.pat),
        Stmt::Expr(Expr::Assign(assign), _) => {
            tokens::idents(assign.left.to_token_stream(), &mut names);
        }
        _ => {}
    }
    names
        .iter()
        .map(ToString::to_string)
        .filter(|name| name != "self")
        .collect()
}

/// The model that the updates train, or that the key `model` names.
pub(super) fn model(
    item: &ItemFn,
    args: &Args,
    updates: &[&Site<'_>],
    stack: &[Frame<'_>],
    errors: &mut Errors,
) -> Option<ModelPlace> {
    let mut trained: Option<ModelPlace> = None;
    for site in updates {
        let found = from_update(item, site, errors)?;
        match &trained {
            Some(first) if first.place != found.place => {
                errors.at(
                    Kind::TwoModels,
                    &site.call.args[0],
                    format!(
                        "this trains `{}`, and the update before it `{}`; SAM perturbs one model\
                         \n\nhelp: put both into one module, or name the one to perturb with `model = ..`",
                        spelled(&found.place),
                        spelled(&first.place),
                    ),
                );
                return None;
            }
            _ => trained = Some(found),
        }
    }
    let Some(named) = &args.model else {
        return trained;
    };
    let (place, dereferenced) = without_deref(named);
    match trained {
        Some(trained) if trained.place == place => Some(trained),
        _ => {
            let declared = declaration(item, stack, &place);
            Some(ModelPlace {
                is_reference: dereferenced || declared.is_reference,
                is_mutable: declared.is_mutable,
                place,
            })
        }
    }
}

fn from_update(item: &ItemFn, site: &Site<'_>, errors: &mut Errors) -> Option<ModelPlace> {
    let argument = &site.call.args[0];
    let (inner, borrowed) = match argument {
        Expr::Reference(reference) => (&*reference.expr, true),
        other => (other, false),
    };
    if !is_place(inner) {
        errors.at(
            Kind::ModelNoPlace,
            argument,
            "the model that `update` trains must be a variable or a field, such as `&mut model` or \
             `&mut self.net`\n\nhelp: bind it to a variable before the forward pass",
        );
        return None;
    }
    let (place, dereferenced) = without_deref(inner);
    // `&mut model` of a `model: &mut Net` is a `&mut Net` too, by coercion.
    let declared = declaration(item, &site.stack, &place);
    Some(ModelPlace {
        is_reference: dereferenced || !borrowed || declared.is_reference,
        is_mutable: true,
        place,
    })
}

/// `x` of `*x`, `(x)` and `x`, and whether there was a `*`.
fn without_deref(place: &Expr) -> (Expr, bool) {
    match place {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
            (without_deref(&unary.expr).0, true)
        }
        Expr::Paren(inner) => without_deref(&inner.expr),
        Expr::Group(inner) => without_deref(&inner.expr),
        other => (other.clone(), false),
    }
}

struct Declaration {
    is_reference: bool,
    is_mutable: bool,
}

/// What the function says of a variable that no `update` names. A field is taken for a model, and
/// mutable where `self` is.
fn declaration(item: &ItemFn, stack: &[Frame<'_>], place: &Expr) -> Declaration {
    let name = match place {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    let Some(name) = name else {
        let is_mutable = item.sig.receiver().is_none_or(|r| {
            r.to_token_stream()
                .into_iter()
                .any(|token| token.to_string() == "mut")
        });
        return Declaration {
            is_reference: false,
            is_mutable,
        };
    };
    for frame in stack.iter().rev() {
        if let Frame::Block(block, at) = frame {
            for stmt in block.stmts[..*at].iter().rev() {
                if let Stmt::Local(local) = stmt
                    && let Some(pat) = ident_pat(&local.pat, &name)
                {
                    let init = local.init.as_ref().map(|init| &*init.expr);
                    return Declaration {
                        is_reference: matches!(init, Some(Expr::Reference(_))),
                        is_mutable: pat.mutability.is_some()
                            || matches!(init, Some(Expr::Reference(r)) if r.mutability.is_some()),
                    };
                }
            }
        }
    }
    for arg in &item.sig.inputs {
        if let FnArg::Typed(arg) = arg
            && let Some(pat) = ident_pat(&arg.pat, &name)
        {
            return match &*arg.ty {
                Type::Reference(ty) => Declaration {
                    is_reference: true,
                    is_mutable: ty.mutability.is_some(),
                },
                _ => Declaration {
                    is_reference: false,
                    is_mutable: pat.mutability.is_some(),
                },
            };
        }
    }
    Declaration {
        is_reference: false,
        is_mutable: false,
    }
}

/// The optimizer, where `update` is called on a variable or a field. The key `model` makes `update`
/// unnecessary, and so also what it is called on.
pub(super) fn optimizer(args: &Args, updates: &[&Site<'_>]) -> Option<TokenStream> {
    let receiver = &updates.first()?.call.receiver;
    (args.model.is_none() && is_place(receiver)).then(|| receiver.to_token_stream())
}

fn ident_pat<'p>(pat: &'p Pat, name: &str) -> Option<&'p syn::PatIdent> {
    match pat {
        Pat::Ident(pat) if pat.ident == name => Some(pat),
        Pat::Type(typed) => ident_pat(&typed.pat, name),
        _ => None,
    }
}

/// The return type of a function whose step is written with `?`, if it can be named.
pub(super) fn raise(item: &ItemFn, stmts: &[&Stmt]) -> Option<TokenStream> {
    let syn::ReturnType::Type(_, ty) = &item.sig.output else {
        return None;
    };
    let named = !has(
        &ty.to_token_stream(),
        &|t| matches!(t, proc_macro2::TokenTree::Ident(i) if i == "impl"),
    );
    let question = |stmt: &&Stmt| {
        has(
            &stmt.to_token_stream(),
            &|t| matches!(t, proc_macro2::TokenTree::Punct(p) if p.as_char() == '?'),
        )
    };
    (named && stmts.iter().any(question)).then(|| ty.to_token_stream())
}

fn has(tokens: &TokenStream, wanted: &dyn Fn(&proc_macro2::TokenTree) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| {
        let inside = match &token {
            proc_macro2::TokenTree::Group(group) => has(&group.stream(), wanted),
            _ => false,
        };
        inside || wanted(&token)
    })
}
