//! The variables that a pattern binds.

use proc_macro2::Ident;
use syn::{
    Expr, Pat, Stmt,
    visit::{self, Visit},
};

/// The variables that a pattern binds. In one that can fail to match, a capital letter is a constant or a
/// unit struct, as in `None`.
pub(crate) fn bound_by(pat: &Pat, can_fail: bool) -> Vec<Ident> {
    struct Binds {
        names: Vec<Ident>,
        can_fail: bool,
    }
    impl<'ast> Visit<'ast> for Binds {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            let is_marked =
                pat.mutability.is_some() || pat.by_ref.is_some() || pat.subpat.is_some();
            if is_marked || !self.can_fail || !is_constant(&pat.ident.to_string()) {
                self.names.push(pat.ident.clone());
            }
            visit::visit_pat_ident(self, pat);
        }

        fn visit_expr(&mut self, _: &'ast Expr) {}
    }
    let mut binds = Binds {
        names: Vec::new(),
        can_fail,
    };
    binds.visit_pat(pat);
    binds.names
}

/// Whether a name is that of a constant, a variant or a unit struct: `MAX`, `None`; but not `X` or `Y_in`.
fn is_constant(name: &str) -> bool {
    let is_capital = name.starts_with(char::is_uppercase) && name.chars().count() > 1;
    let is_snake = name.contains('_') && name.contains(char::is_lowercase);
    is_capital && !is_snake
}

/// The variables that a statement binds for those after it.
pub(crate) fn bound_by_stmt(stmt: &Stmt) -> Vec<Ident> {
    match stmt {
        Stmt::Local(local) => {
            let can_fail = matches!(&local.init, Some(init) if init.diverge.is_some());
            bound_by(&local.pat, can_fail)
        }
        _ => Vec::new(),
    }
}

/// Whether a pattern binds `name` with `mut`.
pub(crate) fn binds_mut(pat: &Pat, name: &Ident) -> bool {
    struct Find<'a>(&'a Ident, bool);
    impl<'ast> Visit<'ast> for Find<'_> {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            self.1 |= pat.mutability.is_some() && pat.ident == *self.0;
            visit::visit_pat_ident(self, pat);
        }
    }
    let mut find = Find(name, false);
    find.visit_pat(pat);
    find.1
}
