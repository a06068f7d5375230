//! What is emitted where the function can't be rewritten: the function as it was, so that editors
//! and the rest of the crate keep working.

use proc_macro2::TokenStream;

use crate::errors::Errors;

pub(crate) fn function(item: &TokenStream, errors: Errors) -> TokenStream {
    // The user's tokens first: tools take the first occurrence of a span for its meaning.
    let mut tokens = item.clone();
    tokens.extend(errors.into_tokens());
    tokens
}
