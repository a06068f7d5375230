//! Expressions that are the same whenever they are evaluated, and those without samples.

use syn::{Expr, ExprCall, ExprMacro, Path};

use crate::known::{Known, MAKING, MAKING_NO_SAMPLES};

/// Whether an expression is the same whenever it is evaluated, and does nothing else.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        // A variable is not, a constant or a unit is.
        Expr::Path(path) => path
            .path
            .get_ident()
            .is_none_or(|name| name.to_string().starts_with(char::is_uppercase)),
        Expr::Unary(unary) => is_constant(&unary.expr),
        Expr::Paren(inner) => is_constant(&inner.expr),
        Expr::Cast(cast) => is_constant(&cast.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_constant),
        Expr::Array(array) => array.elems.iter().all(is_constant),
        // `Some(0.0)`, `Vec::new()`; another function may be one that counts.
        Expr::Call(call) => {
            let is_wrapper = function(call)
                .and_then(|path| path.segments.last())
                .is_some_and(|name| name.ident.to_string().starts_with(char::is_uppercase));
            (is_wrapper || makes(call, &MAKING)) && call.args.iter().all(is_constant)
        }
        Expr::Macro(call) => is_empty_vec(call),
        _ => false,
    }
}

/// Whether no sample can be in it: `0.5 + 0.25`, `Vec::new()`, `Meter::default()`. A constant may hold some, as
/// in `[0, 1, 1]`.
pub(super) fn has_no_sample(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Paren(inner) => has_no_sample(&inner.expr),
        Expr::Unary(unary) => has_no_sample(&unary.expr),
        Expr::Binary(binary) => has_no_sample(&binary.left) && has_no_sample(&binary.right),
        Expr::Call(call) => makes(call, &MAKING_NO_SAMPLES) && call.args.iter().all(has_no_sample),
        Expr::Macro(call) => is_empty_vec(call),
        _ => false,
    }
}

/// `zero()`, of no variables.
pub(super) fn is_call(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => function(call).is_some() && call.args.iter().all(is_constant),
        _ => false,
    }
}

fn function(call: &ExprCall) -> Option<&Path> {
    match &*call.func {
        Expr::Path(function) => Some(&function.path),
        _ => None,
    }
}

/// Whether this calls a function of a type that has one of these names.
fn makes(call: &ExprCall, names: &Known) -> bool {
    function(call).is_some_and(|path| path.segments.len() > 1 && names.has_path(path))
}

fn is_empty_vec(call: &ExprMacro) -> bool {
    call.mac.path.is_ident("vec") && call.mac.tokens.is_empty()
}
