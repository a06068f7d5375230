//! The values of keys.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprUnary, Lit, Path, UnOp, parse::ParseStream};

use super::{Args, key::skip_to_comma};
use crate::errors::{Errors, Kind, spelled};

/// The literal in `expr`, through groups and a sign.
pub(super) fn literal(expr: &Expr) -> Option<(&Lit, bool)> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some((lit, false)),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => literal(expr).map(|(lit, negative)| (lit, !negative)),
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        _ => None,
    }
}

pub(super) fn read_rho(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    match literal(&value) {
        None => args.rho = value,
        Some((Lit::Float(number), negative)) => match number.base10_parse::<f64>() {
            Ok(rho) if !negative && rho > 0.0 && rho.is_finite() => args.rho = value,
            _ => errors.at(
                Kind::RhoNotPositive,
                &value,
                "`rho` must be a finite number above 0; for the base optimizer delete the attribute",
            ),
        },
        Some((Lit::Int(number), negative)) => {
            let shown = if negative { "0.05".to_owned() } else { float_spelling(number) };
            errors.at(
                Kind::RhoNoFloat,
                &value,
                format!("`rho` is a float; write `{shown}`"),
            );
        }
        Some(_) => errors.at(Kind::RhoNoFloat, &value, "`rho` is a number, as in `rho = 0.05`"),
    }
    Ok(())
}

fn float_spelling(number: &syn::LitInt) -> String {
    match number.base10_digits() {
        "0" => "0.05".to_owned(),
        digits => format!("{digits}.0"),
    }
}

pub(super) fn read_norm(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let Some((Lit::Str(text), _)) = literal(&value) else {
        errors.at(
            Kind::NormUnknown,
            &value,
            "`norm` is a string: \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1",
        );
        return Ok(());
    };
    match norm_p(&text.value()) {
        Some(p) => args.norm = p,
        None => errors.at(
            Kind::NormUnknown,
            &value,
            format!(
                "\"{}\" is not a norm; write \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1, as in \"l1.5\"",
                text.value()
            ),
        ),
    }
    Ok(())
}

/// The p of `"l<p>"`, as `sam_runtime::Norm` reads it.
fn norm_p(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('l')?;
    if digits == "inf" {
        return Some(f64::INFINITY);
    }
    let p: f64 = digits
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    (p >= 1.0 && p.is_finite()).then_some(p)
}

pub(super) fn read_m(args: &mut Args, input: ParseStream, errors: &mut Errors) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    match literal(&value) {
        None => args.m = Some(value),
        Some((Lit::Int(number), false)) => match number.base10_parse::<usize>() {
            Ok(0) => errors.at(
                Kind::MZero,
                &value,
                "`m` must be at least 1; leave it out for one perturbation per batch",
            ),
            Ok(_) if matches!(number.suffix(), "" | "usize") => args.m = Some(value),
            _ => errors.at(Kind::MNoNumber, &value, "`m` is a `usize`, as in `m = 128`"),
        },
        Some(_) => errors.at(
            Kind::MNoNumber,
            &value,
            "`m` is a number of samples, as in `m = 128`",
        ),
    }
    Ok(())
}

pub(super) fn read_parallel(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    match literal(&value) {
        Some((Lit::Bool(is), false)) => args.parallel = is.value.then_some(value),
        _ => errors.at(
            Kind::ParallelNoBool,
            &value,
            "`parallel` is `true` or `false`",
        ),
    }
    Ok(())
}

pub(super) fn read_nonfinite(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let text = match literal(&value) {
        Some((Lit::Str(text), _)) => text.value(),
        _ => value.to_token_stream().to_string(),
    };
    match (&value, text.as_str()) {
        (Expr::Lit(_), "error") => args.skip_nonfinite = false,
        (Expr::Lit(_), "skip") => args.skip_nonfinite = true,
        _ => errors.at(
            Kind::NonfiniteUnknown,
            &value,
            "`nonfinite` is \"error\" or \"skip\"",
        ),
    }
    Ok(())
}

/// A bound above 0.
pub(super) fn read_bound(
    key: &str,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<Option<Expr>> {
    let value: Expr = input.parse()?;
    let problem = match literal(&value) {
        None => return Ok(Some(value)),
        Some((Lit::Float(number), negative)) => match number.base10_parse::<f64>() {
            Ok(bound) if !negative && bound > 0.0 && bound.is_finite() => return Ok(Some(value)),
            _ => format!(
                "`{key}` must be a finite number above 0; leave it out for a gradient as it is"
            ),
        },
        Some((Lit::Int(number), false)) if number.base10_digits() != "0" => {
            format!("`{key}` is a float; write `{}.0`", number.base10_digits())
        }
        Some(_) => format!("`{key}` is a float above 0, as in `{key} = 1.0`"),
    };
    errors.at(Kind::ClipNotPositive, &value, problem);
    Ok(None)
}

pub(super) fn read_split(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    let Expr::Array(list) = &value else {
        errors.at(
            Kind::SplitNoList,
            &value,
            "`split` is a list of variables, as in `split = [x, y]`",
        );
        return Ok(());
    };
    if list.elems.is_empty() {
        errors.at(
            Kind::SplitNoList,
            &value,
            "`split` names nothing; list what is cut into chunks, as in `split = [x, y]`",
        );
    }
    // As for every key, the default replaces a wrong value.
    let mut is_right = !list.elems.is_empty();
    let mut names: Vec<Ident> = Vec::new();
    for element in &list.elems {
        match element {
            Expr::Path(path) if path.path.get_ident().is_some_and(|i| names.contains(i)) => {
                errors.at(Kind::SplitTwice, element, "this is listed twice; keep one");
            }
            Expr::Path(path) if path.path.get_ident().is_some() => {
                names.extend(path.path.get_ident().cloned());
            }
            _ => {
                is_right = false;
                errors.at(
                    Kind::SplitNoVariable,
                    element,
                    "`split` lists variables; bind this to one before the forward pass",
                );
            }
        }
    }
    args.split = is_right.then_some(names);
    Ok(())
}

pub(super) fn read_model(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value: Expr = input.parse()?;
    if let Expr::Reference(reference) = &value {
        let place = spelled(&reference.expr);
        errors.at(
            Kind::ModelKeyNoPlace,
            &value,
            format!("`model` is a place; write `model = {place}`"),
        );
    } else if is_place(&value) {
        args.model = Some(value);
    } else {
        errors.at(
            Kind::ModelKeyNoPlace,
            &value,
            "`model` is a place, such as `net` or `self.net`",
        );
    }
    Ok(())
}

/// Whether `expr` is a variable or a field of one, with or without a `*`.
fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.path.get_ident().is_some(),
        Expr::Field(field) => is_place(&field.base),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        Expr::Unary(ExprUnary {
            op: UnOp::Deref(_),
            expr,
            ..
        }) => is_place(expr),
        _ => false,
    }
}

pub(super) fn read_crate(
    args: &mut Args,
    input: ParseStream,
    errors: &mut Errors,
) -> syn::Result<()> {
    if let Ok(text) = input.fork().parse::<syn::LitStr>() {
        input.parse::<syn::LitStr>()?;
        errors.at(
            Kind::CrateString,
            &text,
            format!(
                "`crate` is a path, not a string; write `crate = {}`",
                text.value()
            ),
        );
        skip_to_comma(input);
        return Ok(());
    }
    args.krate = input.call(Path::parse_mod_style)?;
    Ok(())
}
