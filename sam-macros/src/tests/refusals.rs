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

#[test]
fn a_first_line_without_the_batch_can_not_tell_the_chunks() {
    let function = quote!(
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
            for (x, y) in data {
                let bias = bias_of(model);
                let loss = loss_of(bias, x, y);
                let grads = loss.backward();
                opt.update(model, &grads);
            }
        }
    );
    let expected = "the first line of the forward pass uses nothing of the batch that is to be cut into chunks, \
                    and so can't tell how many there are\n\nhelp: let the line that runs the model use the batch, \
                    or leave out `m`";
    assert_refused(quote!(rho = 0.05, m = 4), function.clone(), &[expected]);
    let whole = attribute(quote!(rho = 0.05), function);
    assert_eq!(super::messages(whole), [""; 0]);
}
