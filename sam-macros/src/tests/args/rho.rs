//! The radius.

use super::*;

#[test]
fn a_number_or_an_expression() {
    for (rho, is_literal) in [
        (quote!(0.05), true),
        (quote!(5e-2), true),
        (quote!(0.05_f64), true),
        (quote!(rho), false),
        (quote!(schedule.at(step)), false),
        (quote!(f64::from(config.rho) * 2.0), false),
        (quote!(if warm { 0.0 } else { RHO }), false),
    ] {
        let args = accepted(quote!(rho = #rho));
        assert_eq!(text(&args.rho), rho.to_string());
        assert_eq!(!args.may_be_plain(), is_literal, "{rho}");
    }
}

#[test]
fn out_of_range() {
    for rho in [quote!(0.0), quote!(-0.05), quote!(1e999), quote!((-0.1))] {
        refused(
            quote!(rho = #rho),
            &["`rho` must be a finite number above 0; for the base optimizer delete the attribute"],
        );
    }
}

#[test]
fn an_integer() {
    refused(quote!(rho = 1), &["`rho` is a float; write `1.0`"]);
    refused(quote!(rho = 0), &["`rho` is a float; write `0.05`"]);
    refused(quote!(rho = -2), &["`rho` is a float; write `0.05`"]);
}

#[test]
fn another_literal() {
    for rho in [quote!("0.05"), quote!(true), quote!('r')] {
        refused(
            quote!(rho = #rho),
            &["`rho` is a number, as in `rho = 0.05`"],
        );
    }
}

#[test]
fn without_a_value() {
    let message = "`rho` needs a value: a number above 0, or an `f64` expression";
    for args in [quote!(rho), quote!(rho =), quote!(rho()), quote!(rho,)] {
        assert_eq!(parse(args.clone()).1[0], message, "{args}");
    }
    refused(quote!(rho), &[message]);
    refused(quote!(rho =), &[message]);
}
