//! The driver: parse, analyse, expand.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ItemFn;

use crate::{analyze, args::Args, errors::Errors, expand, fallback};

/// `#[sam_train(args)] item`, as a pure function of tokens.
pub(crate) fn sam_train(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let mut function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.push(not_a_function(&item, error));
            return fallback::function(&item, errors);
        }
    };
    if let Some(again) = function
        .attrs
        .iter()
        .find(|a| a.path().is_ident("sam_train"))
    {
        errors.at(again, "`sam_train` is given twice; keep one");
    }
    let plan = analyze::train_fn(&function, &args, &mut errors);
    match plan {
        Some(plan) if errors.is_empty() => {
            expand::train_fn(&mut function, plan, &args);
            let tokens = function.into_token_stream();
            if std::env::var_os("SAM_MACROS_DEBUG").is_some() {
                eprintln!("{tokens}");
            }
            tokens
        }
        _ if function.sig.constness.is_some() => {
            // As a plain function, or each call in it would be an error of its own.
            function.sig.constness = None;
            fallback::function(&function.into_token_stream(), errors)
        }
        _ => fallback::function(&item, errors),
    }
}

/// The parser's error where the item begins like a function, and otherwise what is wrong with it.
fn not_a_function(item: &TokenStream, error: syn::Error) -> syn::Error {
    let looks_like_one = item
        .clone()
        .into_iter()
        .any(|token| token.to_string() == "fn");
    let is_block_item = ["impl", "mod", "trait", "struct", "enum"];
    let other = item
        .clone()
        .into_iter()
        .find(|token| is_block_item.contains(&&*token.to_string()) || token.to_string() == "fn");
    match other {
        Some(token) if token.to_string() != "fn" || !looks_like_one => syn::Error::new(
            token.span(),
            "`sam_train` goes on the function that holds the training loop",
        ),
        _ if !looks_like_one => syn::Error::new(
            error.span(),
            "`sam_train` goes on the function that holds the training loop",
        ),
        _ => error,
    }
}
