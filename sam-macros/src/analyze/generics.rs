//! A generic function says too little for two passes: its batches must be `Clone`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, Generics, ItemFn, Pat, PathArguments, Type, TypeParamBound,
    WherePredicate,
};

use crate::plan::Region;

/// The function's type parameters of which the slice uses up a value: the replay needs a copy of it.
pub(super) fn cloned_types(item: &ItemFn, regions: &[Region]) -> Vec<TokenStream> {
    let generics = &item.sig.generics;
    // A method may implement a trait's, which must not ask for more.
    if item.sig.receiver().is_some() {
        return Vec::new();
    }
    let mut types = model_types(item, regions);
    let mut mentioned: Vec<Ident> = Vec::new();
    push_yielded(generics, &mut mentioned);
    let consumed = |name: &Ident| {
        regions
            .iter()
            .flat_map(|region| &region.lines)
            .flat_map(|line| &line.records)
            .any(|record| record.consumed && record.place.root == *name)
    };
    for arg in &item.sig.inputs {
        if let FnArg::Typed(arg) = arg
            && let Pat::Ident(pat) = &*arg.pat
            && consumed(&pat.ident)
        {
            push_idents(arg.ty.to_token_stream(), &mut mentioned);
        }
    }
    for param in generics.type_params().map(|param| &param.ident) {
        let param = param.to_token_stream();
        let is_known = types.iter().any(|ty| ty.to_string() == param.to_string());
        if mentioned.iter().any(|name| *name == param.to_string()) && !is_known {
            types.push(param);
        }
    }
    types
}

/// The types of the models, where they depend on a type parameter: `M`, `B::Built`.
fn model_types(item: &ItemFn, regions: &[Region]) -> Vec<TokenStream> {
    let params: Vec<&Ident> = item.sig.generics.type_params().map(|p| &p.ident).collect();
    let mut types: Vec<TokenStream> = Vec::new();
    for arg in &item.sig.inputs {
        let FnArg::Typed(arg) = arg else {
            continue;
        };
        let Pat::Ident(pat) = &*arg.pat else {
            continue;
        };
        let is_model = |region: &Region| {
            region.model.place.is_variable() && region.model.place.root == pat.ident
        };
        if !regions.iter().any(is_model) {
            continue;
        }
        let ty = match &*arg.ty {
            Type::Reference(reference) => &*reference.elem,
            other => other,
        };
        let Type::Path(path) = ty else {
            continue;
        };
        let is_param = path.qself.is_none() && params.iter().any(|p| path.path.is_ident(*p));
        // `<M as BuildOnDevice<D, E>>::Built`, `M::Built`
        let is_projection = path.qself.is_some()
            || (path.path.segments.len() == 2
                && params.iter().any(|p| path.path.segments[0].ident == **p));
        let is_generic = params
            .iter()
            .any(|p| crate::source::has_ident(ty, &p.to_string()));
        let tokens = ty.to_token_stream();
        if is_param || (is_projection && is_generic) {
            types.push(tokens);
        }
    }
    types
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
