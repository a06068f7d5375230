//! Functions of the wrong kind.

use super::*;

fn with(keyword: &TokenStream) -> TokenStream {
    let function = canonical();
    quote!(#keyword #function)
}

#[test]
fn const_fn() {
    refused(
        with(&quote!(const)),
        &["a `const fn` can't train; take `const` away"],
    );
    // It is emitted without `const`, which would make each call in it an error of its own.
    for (given, emitted) in [
        (quote!(const), quote!()),
        (quote!(pub(crate) const unsafe), quote!(pub(crate) unsafe)),
    ] {
        let out = attribute(quote!(rho = 0.05), with(&given)).to_string();
        assert!(out.starts_with(&with(&emitted).to_string()), "{out}");
    }
}

#[test]
fn async_fn() {
    refused(
        with(&quote!(async)),
        &[
            "an `async fn` can't be under `sam_train`; put the training loop into a plain \
           function and call that",
        ],
    );
}

#[test]
fn extern_fn() {
    let expected = ["an `extern` function can't be under `sam_train`; call a plain one from it"];
    refused(with(&quote!(extern "C")), &expected);
    refused(with(&quote!(pub extern)), &expected);
}

#[test]
fn all_of_them_at_once() {
    let out = attribute(
        quote!(rho = 0.05),
        with(&quote!(const async unsafe extern "C")),
    );
    assert_eq!(messages(out).len(), 3);
}
