//! Replaces places by other expressions.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Expr, ExprField, Pat, Stmt,
    visit_mut::{self, VisitMut},
};

use crate::hygiene::{respan, shown_at};

use super::{
    Around, bound_by, bound_by_stmt, exprs_in, mentions, place::Place, uses::is_assignment,
};

/// What stands for a place.
pub(crate) struct Rule {
    pub(crate) place: Place,
    pub(crate) replacement: TokenStream,
    /// The replacement is a reference to the place: `&place` becomes the replacement itself, `place` what it
    /// refers to.
    pub(crate) is_reference: bool,
}

/// Applies the rules, except where a name is bound again. A block that leaves the loop assigns the user's own
/// variables.
pub(crate) struct Rewrite<'a> {
    rules: &'a [Rule],
    scopes: Vec<HashSet<String>>,
    around: Around,
}

impl<'a> Rewrite<'a> {
    pub(crate) fn new(rules: &'a [Rule]) -> Self {
        Self {
            rules,
            scopes: vec![HashSet::new()],
            around: Around::default(),
        }
    }

    fn rule(&self, place: &Place) -> Option<&'a Rule> {
        let name = place.root.to_string();
        if self.scopes.iter().any(|scope| scope.contains(&name)) {
            return None;
        }
        self.rules.iter().find(|rule| rule.place.contains(place))
    }

    fn scoped(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(HashSet::new());
        inside(self);
        self.scopes.pop();
    }

    fn bind(&mut self, names: Vec<proc_macro2::Ident>) {
        let names = names.into_iter().map(|ident| ident.to_string());
        self.scopes
            .last_mut()
            .expect("a scope is open")
            .extend(names);
    }

    fn bind_pat(&mut self, pat: &Pat, can_fail: bool) {
        self.bind(bound_by(pat, can_fail));
    }

    fn tokens(&mut self, tokens: &mut TokenStream) {
        let mut names = Vec::new();
        mentions(tokens.clone(), &mut names);
        let is_concerned = |rule: &Rule| names.contains(&rule.place.root);
        if !self.rules.iter().any(is_concerned) {
            return;
        }
        let Some(mut pieces) = exprs_in(tokens) else {
            return;
        };
        for (piece, _) in &mut pieces {
            match piece {
                Expr::Assign(named) => self.visit_expr_mut(&mut named.right),
                other => self.visit_expr_mut(other),
            }
        }
        let pieces = pieces.iter().map(|(piece, behind)| quote!(#piece #behind));
        *tokens = quote!(#(#pieces)*);
    }
}

impl VisitMut for Rewrite<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Reference(reference) = expr
            && reference.mutability.is_none()
            && let Some(place) = Place::of_expr(&reference.expr)
            && let Some(rule) = self.rule(&place)
            && rule.is_reference
            && rule.place == place
        {
            *expr = Expr::Verbatim(rule.replacement.clone());
            return;
        }
        if let Some(place) = Place::of_expr(expr) {
            if let Some(rule) = self.rule(&place) {
                // rustc's messages about it point at the user's token.
                let at = shown_at(place.root.span());
                let replacement = respan(rule.replacement.clone(), at);
                let mut replaced = Expr::Verbatim(if rule.is_reference {
                    quote_spanned!(at=> (*#replacement))
                } else {
                    replacement
                });
                for member in &place.members[rule.place.members.len()..] {
                    replaced = Expr::Field(ExprField {
                        attrs: Vec::new(),
                        base: Box::new(replaced),
                        dot_token: Default::default(),
                        member: member.clone(),
                    });
                }
                *expr = replaced;
            }
            return;
        }
        self.around.enter(expr);
        match expr {
            Expr::Assign(assign) if self.around.is_leaving() => {
                self.visit_expr_mut(&mut assign.right)
            }
            Expr::Binary(binary) if self.around.is_leaving() && is_assignment(&binary.op) => {
                self.visit_expr_mut(&mut binary.right);
            }
            Expr::Closure(closure) => self.scoped(|rewrite| {
                for input in &closure.inputs {
                    rewrite.bind_pat(input, false);
                }
                rewrite.visit_expr_mut(&mut closure.body);
            }),
            Expr::If(branch) => {
                self.scoped(|rewrite| {
                    rewrite.visit_expr_mut(&mut branch.cond);
                    rewrite.visit_block_mut(&mut branch.then_branch);
                });
                if let Some((_, otherwise)) = &mut branch.else_branch {
                    self.visit_expr_mut(otherwise);
                }
            }
            Expr::While(repeat) => self.scoped(|rewrite| {
                rewrite.visit_expr_mut(&mut repeat.cond);
                rewrite.visit_block_mut(&mut repeat.body);
            }),
            Expr::ForLoop(repeat) => {
                self.visit_expr_mut(&mut repeat.expr);
                self.scoped(|rewrite| {
                    rewrite.bind_pat(&repeat.pat, false);
                    rewrite.visit_block_mut(&mut repeat.body);
                });
            }
            Expr::Let(condition) => {
                self.visit_expr_mut(&mut condition.expr);
                self.bind_pat(&condition.pat, true);
            }
            Expr::Match(choice) => {
                self.visit_expr_mut(&mut choice.expr);
                for arm in &mut choice.arms {
                    self.scoped(|rewrite| {
                        rewrite.bind_pat(&arm.pat, true);
                        rewrite.visit_pat_mut(&mut arm.pat);
                        rewrite.visit_expr_mut(&mut arm.body);
                    });
                }
            }
            Expr::Macro(call) => self.tokens(&mut call.mac.tokens),
            _ => visit_mut::visit_expr_mut(self, expr),
        }
        self.around.exit(expr);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        let was_leaving = self.around.enter_block(block);
        self.scoped(|rewrite| {
            block
                .stmts
                .iter_mut()
                .for_each(|stmt| rewrite.visit_stmt_mut(stmt));
        });
        self.around.exit_block(was_leaving);
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Local(local) => {
                if let Some(init) = &mut local.init {
                    self.visit_expr_mut(&mut init.expr);
                    if let Some((_, diverge)) = &mut init.diverge {
                        self.visit_expr_mut(diverge);
                    }
                }
                self.bind(bound_by_stmt(stmt));
            }
            Stmt::Item(_) => {}
            Stmt::Expr(expr, _) => self.visit_expr_mut(expr),
            Stmt::Macro(call) => self.tokens(&mut call.mac.tokens),
        }
    }

    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        self.visit_expr_mut(&mut field.expr);
        // `S { x }` is now `S { x: .. }`.
        if matches!(field.expr, Expr::Verbatim(_)) {
            field.colon_token.get_or_insert_default();
        }
    }

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}
}
