//! The driver: parse, analyse, expand.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ItemFn;

use crate::{
    analyze,
    args::Args,
    errors::{Errors, Kind},
    expand, fallback,
};

/// `#[sam_train(args)] item`, as a pure function of tokens.
pub(crate) fn sam_train(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let mut function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            refuse_item(&item, error, &mut errors);
            return fallback::function(&item, errors);
        }
    };
    if let Some(again) = function
        .attrs
        .iter()
        .find(|a| a.path().is_ident("sam_train"))
    {
        errors.at(
            Kind::AttributeTwice,
            again,
            "`sam_train` is given twice; keep one",
        );
    }
    let plan = analyze::train_fn(&function, &args, &mut errors);
    match plan {
        Some(plan) if errors.is_empty() => {
            // Each way is read from a tree of its own: a node's address names it.
            let may_be_zero = args.is_in_chunks() && args.may_be_plain();
            let whole = may_be_zero.then(|| function.clone()).and_then(|whole| {
                let plan = analyze::train_fn(&whole, &args.whole(), &mut errors)?;
                Some((whole, plan))
            });
            expand::train_fn(&mut function, &plan, &args, whole);
            let tokens = function.into_token_stream();
            if std::env::var_os("SAM_MACROS_DEBUG").is_some() {
                eprintln!("{tokens}");
            }
            tokens
        }
        _ if function.sig.constness.is_some() => {
            // As a plain function: in a `const fn`, each call would be an error of its own.
            function.sig.constness = None;
            fallback::function(&function.into_token_stream(), errors)
        }
        _ => fallback::function(&item, errors),
    }
}

/// Refuses an item that is not a function, or a function that can't be read.
fn refuse_item(item: &TokenStream, error: syn::Error, errors: &mut Errors) {
    let starts_item = [
        "impl", "mod", "trait", "struct", "enum", "type", "static", "fn",
    ];
    let first = item
        .clone()
        .into_iter()
        .find(|token| starts_item.contains(&&*token.to_string()));
    match first {
        Some(token) if token.to_string() == "fn" => errors.at_span(
            Kind::FunctionUnreadable,
            error.span(),
            format!("`sam_train` can't read this function: {error}"),
        ),
        Some(token) => errors.at(Kind::NotAFunction, token, NOT_A_FUNCTION),
        None => errors.at_span(Kind::NotAFunction, error.span(), NOT_A_FUNCTION),
    }
}

const NOT_A_FUNCTION: &str = "`sam_train` goes on the function that holds the training loop";
