//! The keys: every one given well, doubled, left out, misspelled, of the wrong type, out of range.

mod m;
mod norm;
mod rho;
mod split;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::{assert_refused, canonical, plain};
use crate::{args::Args, errors::Errors};

/// The keys as they are read, and what is said about them.
fn parse(args: TokenStream) -> (Args, Vec<String>) {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    (
        args,
        errors.messages().iter().map(|said| plain(said)).collect(),
    )
}

#[track_caller]
fn accepted(args: TokenStream) -> Args {
    let (args, messages) = parse(args);
    assert_eq!(messages, [] as [&str; 0]);
    args
}

/// Both the reading of the keys and the attribute as a whole say this, and no more.
#[track_caller]
fn refused(args: TokenStream, expected: &[&str]) {
    assert_eq!(parse(args.clone()).1, expected);
    assert_refused(args, canonical(), expected);
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

#[test]
fn rho_alone_leaves_the_defaults() {
    let args = accepted(quote!(rho = 0.05));
    assert_eq!(text(&args.rho), "0.05");
    assert_eq!(args.norm.to_bits(), 2.0_f64.to_bits());
    assert!(args.m.is_none());
    assert!(!args.skip_nonfinite);
    assert!(args.clip.is_none() && args.clip_value.is_none());
    assert!(args.split.is_none());
    assert!(args.model.is_none());
    assert_eq!(text(&args.krate), ":: sam_runtime");
    assert!(!args.may_be_plain());
}

#[test]
fn all_keys_in_any_order_with_a_trailing_comma() {
    let args = accepted(quote!(
        crate = my::sam,
        model = self.net,
        split = [x, y],
        nonfinite = "skip",
        clip_value = bound(),
        clip = 1.5,
        m = 16,
        norm = "linf",
        rho = 0.1,
    ));
    assert_eq!(text(&args.rho), "0.1");
    assert_eq!(args.norm, f64::INFINITY);
    assert_eq!(args.m.as_ref().map(text).as_deref(), Some("16"));
    assert!(args.skip_nonfinite);
    assert_eq!(args.clip.as_ref().map(text).as_deref(), Some("1.5"));
    assert_eq!(
        args.clip_value.as_ref().map(text).as_deref(),
        Some("bound ()")
    );
    let split: Vec<String> = args.split.iter().flatten().map(text).collect();
    assert_eq!(split, ["x", "y"]);
    assert_eq!(args.model.as_ref().map(text).as_deref(), Some("self . net"));
    assert_eq!(text(&args.krate), "my :: sam");
}

#[test]
fn rho_missing() {
    let missing =
        "`rho` is missing: the radius of the neighbourhood, as in `#[sam_train(rho = 0.05)]`";
    refused(quote!(), &[missing]);
    refused(quote!(norm = "l2"), &[missing]);
}

mod nonfinite {
    use super::*;

    #[test]
    fn error_or_skip() {
        assert!(!accepted(quote!(rho = 0.05, nonfinite = "error")).skip_nonfinite);
        assert!(accepted(quote!(rho = 0.05, nonfinite = "skip")).skip_nonfinite);
    }

    #[test]
    fn anything_else() {
        for value in [
            quote!("ignore"),
            quote!(skip),
            quote!(NonFinite::Skip),
            quote!(true),
        ] {
            refused(
                quote!(rho = 0.05, nonfinite = #value),
                &["`nonfinite` is \"error\" or \"skip\""],
            );
        }
    }

    #[test]
    fn without_a_value() {
        refused(
            quote!(rho = 0.05, nonfinite),
            &["`nonfinite` needs a value: \"error\" or \"skip\""],
        );
    }
}

mod model {
    use super::*;

    #[test]
    fn places() {
        for model in [
            quote!(net),
            quote!(self.net),
            quote!(self.nets.0),
            quote!(*net),
            quote!((net)),
        ] {
            let args = accepted(quote!(rho = 0.05, model = #model));
            assert_eq!(args.model.as_ref().map(text), Some(model.to_string()));
        }
    }

    #[test]
    fn a_reference() {
        refused(
            quote!(rho = 0.05, model = &mut net),
            &["`model` is a place; write `model = net`"],
        );
    }

    #[test]
    fn what_is_no_place() {
        for model in [
            quote!(self.net()),
            quote!("net"),
            quote!(nets[0]),
            quote!(a::b),
        ] {
            refused(
                quote!(rho = 0.05, model = #model),
                &["`model` is a place, such as `net` or `self.net`"],
            );
        }
    }
}

mod krate {
    use super::*;

    #[test]
    fn paths() {
        for path in [
            quote!(sam),
            quote!(::sam),
            quote!(crate::deps::sam),
            quote!(self::sam),
            quote!(super::sam),
        ] {
            let args = accepted(quote!(rho = 0.05, crate = #path));
            assert_eq!(text(&args.krate), path.to_string());
        }
    }

    #[test]
    fn a_string() {
        refused(
            quote!(rho = 0.05, crate = "my::sam"),
            &["`crate` is a path, not a string; write `crate = my::sam`"],
        );
    }
}

#[test]
fn every_key_twice() {
    for (key, value) in [
        (quote!(norm), quote!("l2")),
        (quote!(m), quote!(4)),
        (quote!(nonfinite), quote!("skip")),
        (quote!(split), quote!([x])),
        (quote!(model), quote!(model)),
        (quote!(crate), quote!(sam)),
    ] {
        refused(
            quote!(rho = 0.05, #key = #value, #key = #value),
            &[&format!("`{key}` is given twice; keep one")],
        );
    }
    refused(
        quote!(rho = 0.05, rho = 0.1),
        &["`rho` is given twice; keep one"],
    );
}

#[test]
fn a_near_miss_is_suggested() {
    for (key, near) in [
        ("rh", "rho"),
        ("rhoo", "rho"),
        ("roh", "rho"),
        ("nrom", "norm"),
        ("slpit", "split"),
        ("norms", "norm"),
        ("non_finite", "nonfinite"),
        ("splits", "split"),
        ("models", "model"),
        ("crates", "crate"),
    ] {
        let name = quote::format_ident!("{key}");
        let expected = format!("`{key}` is not a key of `sam_train`; did you mean `{near}`?");
        refused(quote!(rho = 0.05, #name = 1), &[&expected]);
    }
}

#[test]
fn a_key_of_another_library_is_answered_by_what_does_the_same() {
    for (key, here) in [
        (
            "adaptive",
            "adaptive SAM is a method: `method = asam`, with a larger rho, such as 0.5",
        ),
        (
            "eta",
            "it is a number of adaptive SAM: `method = asam(eta = 0.01)`",
        ),
        (
            "alpha",
            "it is a number of GSAM: `method = gsam(alpha = 0.4)`",
        ),
        (
            "base_optimizer",
            "the base optimizer is the one whose `update` the loop calls",
        ),
    ] {
        let name = quote::format_ident!("{key}");
        let expected = format!("`{key}` is not a key of `sam_train`; {here}");
        refused(quote!(rho = 0.05, #name = true), &[&expected]);
    }
}

fn unknown(key: &str) -> String {
    format!(
        "`{key}` is not a key of `sam_train`; the keys are `rho`, `norm`, `m`, `parallel`, `nonfinite`, `clip`, \
         `clip_value`, `frozen`, `method`, `steps`, `second_order`, `on`, `start`, `every`, `probability`, `ascent`, `split`, \
         `model`, `crate`"
    )
}

#[test]
fn a_far_miss_lists_the_keys() {
    refused(quote!(rho = 0.05, lr = 0.1), &[&unknown("lr")]);
    refused(quote!(rho = 0.05, hor = 0.1), &[&unknown("hor")]);
    refused(quote!(rho = 0.05, momentum = 0.9), &[&unknown("momentum")]);
}

#[test]
fn no_key_at_all() {
    let expected = "expected `key = value`, as in `rho = 0.05`";
    refused(quote!(0.05), &[expected]);
    refused(quote!(0.05, norm = "l2"), &[expected]);
}

#[test]
fn no_equals_sign() {
    let expected = "write `=` between a key and its value: `rho = 0.05`";
    refused(quote!(rho: 0.05), &[expected]);
    refused(quote!(rho(0.05)), &[expected]);
    refused(quote!(rho 0.05, norm = "l2"), &[expected]);
    refused(
        quote!(rho = 0.05, model: self.net),
        &["write `=` between a key and its value: `model = self.net`"],
    );
    refused(
        quote!(rho = 0.05, split(x, y)),
        &["write `=` between a key and its value: `split = [x, y]`"],
    );
    let without = "`rho` needs a value: a number above 0, or an `f64` expression";
    refused(quote!(rho:), &[without]);
    refused(quote!(rho()), &[without]);
    refused(quote!(rho =), &[without]);
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_in_order() {
    refused(
        quote!(lr = 0.1, norm = "l0", m = 0, nonfinite = "ignore", m = 4),
        &[
            &unknown("lr"),
            "\"l0\" is not a norm; write \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1, as in \"l1.5\"",
            "`m` must be at least 1; leave it out for one perturbation per batch",
            "`nonfinite` is \"error\" or \"skip\"",
            "`m` is given twice; keep one",
            "`rho` is missing: the radius of the neighbourhood, as in `#[sam_train(rho = 0.05)]`",
        ],
    );
}

#[test]
fn keys_and_function_are_checked_together() {
    assert_refused(
        quote!(rho = 0.0),
        quote!(
            const fn train() {}
        ),
        &[
            "`rho` must be a finite number above 0; for the base optimizer delete the attribute",
            "a `const fn` can't train; take `const` away",
            "no training step found: there is no `.backward()` here\n\nhelp: a step is \
             `model.forward_mut(x.traced(grads))`, then `loss.backward()`, then \
             `opt.update(&mut model, &grads)`",
        ],
    );
}

#[test]
fn a_missing_comma_is_one_error() {
    let (_, messages) = parse(quote!(rho = 0.05 norm = "l2"));
    assert_eq!(messages, ["expected `,`"]);
}
