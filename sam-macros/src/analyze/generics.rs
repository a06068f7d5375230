//! A generic function says too little for two passes: its model and its batches must be `Clone`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, Generics, ItemFn, Pat, PathArguments, TypeParamBound, WherePredicate,
};

use crate::model::{Capture, ModelPlace};

/// The function's type parameters that are the model, a captured parameter, or what an iterator
/// among the arguments yields (`Data: Iterator<Item = (Input, Label)>`).
pub(super) fn cloned_types(item: &ItemFn, model: &ModelPlace, captures: &[Capture]) -> Vec<Ident> {
    let generics = &item.sig.generics;
    let mut mentioned: Vec<Ident> = Vec::new();
    // A method may implement a trait's, which must not ask for more.
    if item.sig.receiver().is_none() {
        push_yielded(generics, &mut mentioned);
    }
    let variables: Vec<&Ident> = model
        .variable()
        .into_iter()
        .chain(captures.iter().filter_map(|c| c.variable.as_ref()))
        .collect();
    for arg in &item.sig.inputs {
        if let FnArg::Typed(arg) = arg
            && let Pat::Ident(pat) = &*arg.pat
            && variables.contains(&&pat.ident)
        {
            push_idents(arg.ty.to_token_stream(), &mut mentioned);
        }
    }
    generics
        .type_params()
        .map(|param| &param.ident)
        .filter(|param| mentioned.contains(param))
        .cloned()
        .collect()
}

/// The names in `Item = ..` of the function's iterator bounds.
fn push_yielded(generics: &Generics, names: &mut Vec<Ident>) {
    for param in generics.type_params() {
        param
            .bounds
            .iter()
            .for_each(|bound| push_items(bound, names));
    }
    for predicate in generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates)
    {
        if let WherePredicate::Type(predicate) = predicate {
            predicate
                .bounds
                .iter()
                .for_each(|bound| push_items(bound, names));
        }
    }
}

/// The names in `Item = ..` of an iterator bound.
fn push_items(bound: &TypeParamBound, names: &mut Vec<Ident>) {
    let TypeParamBound::Trait(bound) = bound else {
        return;
    };
    let Some(last) = bound.path.segments.last() else {
        return;
    };
    if !last.ident.to_string().ends_with("Iterator") {
        return;
    }
    if let PathArguments::AngleBracketed(arguments) = &last.arguments {
        for argument in &arguments.args {
            if let GenericArgument::AssocType(item) = argument
                && item.ident == "Item"
            {
                push_idents(item.ty.to_token_stream(), names);
            }
        }
    }
}

fn push_idents(tokens: TokenStream, names: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => names.push(ident),
            TokenTree::Group(group) => push_idents(group.stream(), names),
            _ => {}
        }
    }
}
