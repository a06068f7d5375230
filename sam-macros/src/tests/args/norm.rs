//! The norm.

use super::*;

#[test]
fn every_p_from_1() {
    for (norm, p) in [
        ("l1", 1.0),
        ("l1.5", 1.5),
        ("l2", 2.0),
        ("l3", 3.0),
        ("linf", f64::INFINITY),
    ] {
        assert_eq!(accepted(quote!(rho = 0.05, norm = #norm)).norm, p);
    }
}

#[test]
fn no_norm() {
    for norm in [
        "",
        "l",
        "2",
        "L2",
        "l0",
        "l0.5",
        "l-1",
        "lnan",
        "l2 ",
        "inf",
        "linfinity",
        "max",
    ] {
        refused(
            quote!(rho = 0.05, norm = #norm),
            &[&format!(
                "\"{norm}\" is not a norm; write \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1, as in \"l1.5\""
            )],
        );
    }
}

#[test]
fn no_string() {
    for norm in [quote!(2), quote!(l2), quote!(Norm::L2), quote!(2.0)] {
        refused(
            quote!(rho = 0.05, norm = #norm),
            &["`norm` is a string: \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1"],
        );
    }
}

#[test]
fn without_a_value() {
    refused(
        quote!(rho = 0.05, norm),
        &["`norm` needs a value: \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1"],
    );
}
