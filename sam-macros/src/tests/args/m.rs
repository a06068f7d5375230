//! Samples per perturbation.

use super::*;

#[test]
fn a_number_or_a_constant() {
    for m in [
        quote!(128),
        quote!(128usize),
        quote!(1),
        quote!(M),
        quote!(B / 4),
        quote!(Self::CHUNK),
    ] {
        let args = accepted(quote!(rho = 0.05, m = #m));
        assert_eq!(args.m.as_ref().map(text), Some(m.to_string()));
    }
}

#[test]
fn chunks_at_once() {
    let is_at_once = |keys| accepted(keys).is_at_once();
    assert!(is_at_once(quote!(rho = 0.05, m = 4, parallel = true)));
    assert!(is_at_once(quote!(rho = 0.05, parallel = true, m = 4)));
    assert!(!is_at_once(quote!(rho = 0.05, m = 4, parallel = false)));
    assert!(!is_at_once(quote!(rho = 0.05, parallel = false)));
    refused(
        quote!(rho = 0.05, m = 4, parallel = 2),
        &["`parallel` is `true` or `false`"],
    );
    refused(
        quote!(rho = 0.05, parallel = true),
        &[
            "`parallel` runs the chunks of a batch at once, and without `m` there is one; add `m`, as in `m = 32`, or leave out \
           `parallel`",
        ],
    );
}

#[test]
fn out_of_range() {
    refused(
        quote!(rho = 0.05, m = 0),
        &["`m` must be at least 1; leave it out for one perturbation per batch"],
    );
    refused(
        quote!(rho = 0.05, m = 99999999999999999999999),
        &["`m` is a `usize`, as in `m = 128`"],
    );
}

#[test]
fn another_type() {
    refused(
        quote!(rho = 0.05, m = 16_u8),
        &["`m` is a `usize`, as in `m = 128`"],
    );
    for m in [quote!(16.0), quote!("16"), quote!(-16), quote!(true)] {
        refused(
            quote!(rho = 0.05, m = #m),
            &["`m` is a number of samples, as in `m = 128`"],
        );
    }
}

#[test]
fn without_a_value() {
    refused(
        quote!(rho = 0.05, m),
        &["`m` needs a value: a number of samples, such as `128`"],
    );
}
