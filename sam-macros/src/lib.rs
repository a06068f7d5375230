//! The `#[sam_train]` attribute. Use it through `sam_runtime`, where its documentation stands.
//!
//! Tokens go in and tokens come out, in stages that are types: `args` reads the keys,
//! `analyze` reads the function into a `plan::Plan`, `expand` writes the step: the clean pass where the
//! user wrote it, and its replay at the backward site. All arithmetic is in the runtime.

mod analyze;
mod args;
mod entry;
mod errors;
mod expand;
mod fallback;
mod hygiene;
mod known;
mod methods;
mod plan;
mod source;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// See `sam_runtime::sam_train`.
#[proc_macro_attribute]
pub fn sam_train(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::sam_train(args.into(), item.into()).into()
}
