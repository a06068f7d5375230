//! Takes the sites out of the user's statements.

use proc_macro2::Ident;
use quote::quote;
use syn::{
    Expr, Lifetime, Stmt,
    visit_mut::{self, VisitMut},
};

use super::raise;
use crate::{
    hygiene::Names,
    model::{Plan, id_of},
};

/// What stood in the place of the backward site.
pub(super) struct Taken {
    pub(super) loss: Expr,
    /// `backward` or `try_backward`, with the user's span.
    pub(super) backward: Ident,
}

/// Puts the pass's input and gradients into the forward site, and the step's result into the
/// backward site.
pub(super) fn take(stmts: &mut [Stmt], plan: &Plan, names: &Names) -> Taken {
    let mut forward = ForwardSite { plan, names };
    stmts
        .iter_mut()
        .for_each(|stmt| forward.visit_stmt_mut(stmt));
    let mut backward = BackwardSite {
        plan,
        names,
        taken: None,
    };
    stmts
        .iter_mut()
        .for_each(|stmt| backward.visit_stmt_mut(stmt));
    backward
        .taken
        .expect("the plan names a backward site in these statements")
}

struct ForwardSite<'a> {
    plan: &'a Plan,
    names: &'a Names,
}

impl VisitMut for ForwardSite<'_> {
    // Input:  x.traced(grads), x.leaky_trace()
    // Output: __sam_traced.traced(gradients of the pass), __sam_traced.trace(..)
    fn visit_expr_method_call_mut(&mut self, call: &mut syn::ExprMethodCall) {
        if id_of(call) != self.plan.forward.call {
            return visit_mut::visit_expr_method_call_mut(self, call);
        }
        let Names {
            rt, traced, pass, ..
        } = self.names;
        if self.plan.forward.hoisted {
            *call.receiver = syn::parse_quote!(#traced);
        }
        if let Some(eager) = call.method.to_string().strip_prefix("leaky_") {
            call.method = Ident::new(eager, call.method.span());
        }
        call.args.clear();
        call.args
            .push(syn::parse_quote!(#rt::Pass::gradients(&mut #pass)));
    }
}

struct BackwardSite<'a> {
    plan: &'a Plan,
    names: &'a Names,
    taken: Option<Taken>,
}

impl VisitMut for BackwardSite<'_> {
    // Input:  grads = loss.backward();
    // Output: grads = match as_step(__sam_result) { Ok(gradients) => gradients, Err(..) => raise };
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        match expr {
            Expr::MethodCall(call) if id_of(call) == self.plan.backward.call => {
                let Names {
                    rt,
                    result,
                    gradients,
                    error,
                    ..
                } = self.names;
                let mut loss = std::mem::replace(&mut *call.receiver, Expr::PLACEHOLDER);
                // Bound by a `let`, `(loss / 2.0)` would be warned of its parentheses.
                while let Expr::Paren(inner) = loss {
                    loss = *inner.expr;
                }
                self.taken = Some(Taken {
                    loss,
                    backward: call.method.clone(),
                });
                let convert = if self.plan.backward.fallible {
                    quote!(#rt::as_backward)
                } else {
                    quote!(#rt::as_step)
                };
                let raise = raise(self.plan, self.names);
                *expr = Expr::Verbatim(quote! {
                    match #convert(#result) {
                        ::core::result::Result::Ok(#gradients) => #gradients,
                        ::core::result::Result::Err(#error) => #raise,
                    }
                });
            }
            _ => visit_mut::visit_expr_mut(self, expr),
        }
    }
}

/// Gives a `continue` or `break` without a label, which would now mean the loop over the passes,
/// the label of the user's loop.
pub(super) struct Relabel<'a> {
    pub(super) label: &'a Lifetime,
    pub(super) depth: usize,
    pub(super) found: bool,
}

impl Relabel<'_> {
    fn deeper(&mut self, inside: impl FnOnce(&mut Self)) {
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    fn name(&mut self, label: &mut Option<Lifetime>) {
        if self.depth == 0 && label.is_none() {
            *label = Some(self.label.clone());
            self.found = true;
        }
    }
}

impl VisitMut for Relabel<'_> {
    fn visit_expr_continue_mut(&mut self, expr: &mut syn::ExprContinue) {
        self.name(&mut expr.label);
    }

    fn visit_expr_break_mut(&mut self, expr: &mut syn::ExprBreak) {
        self.name(&mut expr.label);
        visit_mut::visit_expr_break_mut(self, expr);
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        self.visit_expr_mut(&mut expr.expr);
        self.deeper(|relabel| relabel.visit_block_mut(&mut expr.body));
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        self.deeper(|relabel| visit_mut::visit_expr_while_mut(relabel, expr));
    }

    fn visit_expr_loop_mut(&mut self, expr: &mut syn::ExprLoop) {
        self.deeper(|relabel| visit_mut::visit_expr_loop_mut(relabel, expr));
    }

    fn visit_expr_closure_mut(&mut self, _: &mut syn::ExprClosure) {}

    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}
