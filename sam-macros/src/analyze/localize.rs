//! The sites of a line as the replay runs them: on the input that was kept, with the step's gradients.

use std::collections::HashMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Expr, ExprMethodCall, Stmt,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use crate::{
    known::PANICKING,
    plan::{NodeId, Trace, TraceKind, id_of},
};

/// What the replay calls the kept input of a site.
pub(crate) fn kept_input(site: usize) -> Ident {
    format_ident!("__sam_input_{site}", span = Span::mixed_site())
}

/// What the replay says in place of the user's gradients.
pub(crate) struct Words {
    /// The gradients that the tape begins with.
    pub(crate) gradients: TokenStream,
    /// The replay has come to a site that the clean pass had not reached.
    pub(crate) missing: TokenStream,
    /// Brings dfdx's `Trace` into scope.
    pub(crate) import: TokenStream,
}

/// A copy of `stmt` with the sites replaced.
pub(super) fn stmt(of: &Stmt, traces: &[Trace], words: &Words) -> Stmt {
    let mut out = of.clone();
    let mut sites = replaced(
        |calls| calls.visit_stmt(of),
        |calls| calls.visit_stmt(&out),
        traces,
        words,
    );
    sites.visit_stmt_mut(&mut out);
    out
}

/// A copy of `expr` with the sites replaced.
pub(super) fn expr(of: &Expr, traces: &[Trace], words: &Words) -> Expr {
    let mut out = of.clone();
    let mut sites = replaced(
        |calls| calls.visit_expr(of),
        |calls| calls.visit_expr(&out),
        traces,
        words,
    );
    sites.visit_expr_mut(&mut out);
    out
}

/// The sites of the copy: its calls stand in the same order as those of the original.
fn replaced<'t>(
    original: impl FnOnce(&mut Nodes),
    copy: impl FnOnce(&mut Nodes),
    traces: &'t [Trace],
    words: &'t Words,
) -> Replace<'t> {
    let (mut of, mut out) = (Nodes::default(), Nodes::default());
    original(&mut of);
    copy(&mut out);
    let sites = out
        .0
        .into_iter()
        .zip(of.0)
        .filter_map(|(copy, original)| {
            let trace = traces.iter().find(|trace| trace.node == original)?;
            Some((copy, trace))
        })
        .collect();
    Replace { sites, words }
}

#[derive(Default)]
struct Nodes(Vec<NodeId>);

impl<'ast> Visit<'ast> for Nodes {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.0.push(id_of(call));
        visit::visit_expr_method_call(self, call);
    }
}

struct Replace<'t> {
    sites: HashMap<NodeId, &'t Trace>,
    words: &'t Words,
}

impl Replace<'_> {
    fn trace(&self, expr: &Expr) -> Option<&Trace> {
        match expr {
            Expr::MethodCall(call) => self.sites.get(&id_of(call)).copied(),
            Expr::Paren(inner) => self.trace(&inner.expr),
            _ => None,
        }
    }

    /// The sites in which all ways through a choice end, except for those that leave.
    fn tails<'e>(&self, expr: &'e Expr, found: &mut Vec<&'e Expr>) -> bool {
        if self.trace(expr).is_some_and(|trace| trace.kept) {
            found.push(expr);
            return true;
        }
        match expr {
            Expr::If(branch) => {
                self.tail_of(&branch.then_branch, found)
                    && branch
                        .else_branch
                        .as_ref()
                        .is_some_and(|(_, otherwise)| self.tails(otherwise, found))
            }
            Expr::Match(choice) => choice.arms.iter().all(|arm| self.tails(&arm.body, found)),
            Expr::Block(block) => self.tail_of(&block.block, found),
            Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
            Expr::Macro(call) => call
                .mac
                .path
                .get_ident()
                .is_some_and(|name| PANICKING.has(&name.to_string())),
            _ => false,
        }
    }

    fn tail_of<'e>(&self, block: &'e syn::Block, found: &mut Vec<&'e Expr>) -> bool {
        match block.stmts.last() {
            Some(Stmt::Expr(tail, _)) => self.tails(tail, found),
            _ => false,
        }
    }
}

impl VisitMut for Replace<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        // Which way was taken is known from what was kept: the choice itself is not made again.
        if matches!(expr, Expr::If(_) | Expr::Match(_)) {
            let mut tails = Vec::new();
            if self.tails(expr, &mut tails) && !tails.is_empty() {
                let Words {
                    gradients,
                    missing,
                    import,
                } = self.words;
                let ways = tails.iter().filter_map(|tail| self.trace(tail)).map(|trace| {
                    let input = kept_input(trace.site);
                    let found = Ident::new("__sam_x", Span::mixed_site());
                    quote!(if let ::core::option::Option::Some(#found) = #input.take() { #import #found.trace(#gradients) } else)
                });
                *expr = Expr::Verbatim(quote!(#(#ways)* { #missing }));
                return;
            }
        }
        visit_mut::visit_expr_mut(self, expr);
        let Expr::MethodCall(call) = expr else {
            return;
        };
        let Some(trace) = self.sites.get(&id_of(call)).copied() else {
            return;
        };
        let Words {
            gradients,
            missing,
            import,
        } = self.words;
        if trace.kept {
            let input = kept_input(trace.site);
            let found = Ident::new("__sam_x", Span::mixed_site());
            *expr = Expr::Verbatim(quote! {
                match #input.take() {
                    ::core::option::Option::Some(#found) => { #import #found.trace(#gradients) }
                    ::core::option::Option::None => #missing,
                }
            });
            return;
        }
        let method = match trace.kind {
            TraceKind::Trace => "trace",
            TraceKind::Leaky if call.method == "leaky_trace" => "trace",
            _ => "traced",
        };
        call.method = Ident::new(method, call.method.span());
        call.args.clear();
        call.args.push(Expr::Verbatim(gradients.clone()));
    }
}

/// A copy of `stmt` in which an argument is the step's gradients.
pub(super) fn argument_in_stmt(of: &Stmt, node: NodeId, words: &Words) -> Stmt {
    let mut place = Args::at(node);
    place.visit_stmt(of);
    let mut out = of.clone();
    if let Some(at) = place.found {
        SetArg {
            at,
            so_far: 0,
            words,
        }
        .visit_stmt_mut(&mut out);
    }
    out
}

/// A copy of `expr` in which an argument is the step's gradients.
pub(super) fn argument_in_expr(of: &Expr, node: NodeId, words: &Words) -> Expr {
    let mut place = Args::at(node);
    place.visit_expr(of);
    let mut out = of.clone();
    if let Some(at) = place.found {
        SetArg {
            at,
            so_far: 0,
            words,
        }
        .visit_expr_mut(&mut out);
    }
    out
}

/// Counts expressions up to a node.
struct Args {
    node: NodeId,
    so_far: usize,
    found: Option<usize>,
}

impl Args {
    fn at(node: NodeId) -> Self {
        Self {
            node,
            so_far: 0,
            found: None,
        }
    }
}

impl<'ast> Visit<'ast> for Args {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        if id_of(expr) == self.node {
            self.found = Some(self.so_far);
        }
        self.so_far += 1;
        visit::visit_expr(self, expr);
    }
}

struct SetArg<'t> {
    at: usize,
    so_far: usize,
    words: &'t Words,
}

impl VisitMut for SetArg<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let is_it = self.so_far == self.at;
        self.so_far += 1;
        visit_mut::visit_expr_mut(self, expr);
        if is_it {
            *expr = Expr::Verbatim(self.words.gradients.clone());
        }
    }
}
