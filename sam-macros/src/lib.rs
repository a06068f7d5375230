//! The `#[sam_train]` attribute. Its documentation stands on `sam_runtime::sam_train`.
use proc_macro::TokenStream;

/// See `sam_runtime::sam_train`.
#[proc_macro_attribute]
pub fn sam_train(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}
