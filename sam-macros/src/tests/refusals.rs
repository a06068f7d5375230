//! What is refused: the message in full, where it points, and the function as it was.

mod item;

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_refused, attribute, canonical, cases};

#[track_caller]
fn refused(item: TokenStream, expected: &[&str]) {
    assert_refused(quote!(rho = 0.05), item, expected);
}

#[test]
fn functions() {
    cases::check("refused");
}

#[test]
fn a_const_fn_is_emitted_without_const() {
    // Or each call in it would be an error of its own.
    for (given, emitted) in [
        (quote!(const), quote!()),
        (quote!(pub(crate) const unsafe), quote!(pub(crate) unsafe)),
    ] {
        let function = canonical();
        let out = attribute(quote!(rho = 0.05), quote!(#given #function)).to_string();
        assert!(
            out.starts_with(&quote!(#emitted #function).to_string()),
            "{out}"
        );
    }
}
