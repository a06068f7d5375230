//! What is cut.

use super::*;

#[test]
fn names() {
    let args = accepted(quote!(rho = 0.05, m = 4, split = [x]));
    assert_eq!(args.split.map(|names| names.len()), Some(1));
}

#[test]
fn nothing() {
    // That nothing is left to cut is not an error of its own.
    for args in [
        quote!(rho = 0.05, split = []),
        quote!(rho = 0.05, m = 4, split = []),
    ] {
        refused(
            args,
            &["`split` names nothing; list what is cut into chunks, as in `split = [x, y]`"],
        );
    }
}

#[test]
fn no_list() {
    for value in [quote!(x), quote!("x, y"), quote!((x, y))] {
        refused(
            quote!(rho = 0.05, split = #value),
            &["`split` is a list of variables, as in `split = [x, y]`"],
        );
    }
}

#[test]
fn what_is_no_variable() {
    refused(
        quote!(rho = 0.05, m = 4, split = [batch.y, 3]),
        &[
            "`split` lists variables; bind this to one before the forward pass",
            "`split` lists variables; bind this to one before the forward pass",
        ],
    );
}

#[test]
fn a_name_twice() {
    refused(
        quote!(rho = 0.05, split = [x, y, x]),
        &["this is listed twice; keep one"],
    );
}

#[test]
fn a_name_that_is_not_used() {
    assert_refused(
        quote!(rho = 0.05, m = 4, split = [x, weights]),
        canonical(),
        &["`weights` is used neither by the forward pass nor by the loss; take it out of `split`"],
    );
}
