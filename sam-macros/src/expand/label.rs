//! Leaving the user's loop from inside a loop of ours.

use syn::{
    Expr, Label, Lifetime,
    visit_mut::{self, VisitMut},
};

use crate::plan::{NodeId, id_of};

/// Gives a `continue` or `break` without a label, which would now mean the loop over the chunks,
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

/// Gives a loop its name. Its body is done then, and it has not been moved: its address still names it.
pub(super) fn add(expr: &mut Expr, named: &[(NodeId, Lifetime)]) {
    let (id, label) = match expr {
        Expr::ForLoop(repeat) => (id_of(repeat), &mut repeat.label),
        Expr::While(repeat) => (id_of(repeat), &mut repeat.label),
        Expr::Loop(repeat) => (id_of(repeat), &mut repeat.label),
        _ => return,
    };
    if let Some((_, name)) = named.iter().find(|(of, _)| *of == id) {
        *label = Some(Label {
            name: name.clone(),
            colon_token: Default::default(),
        });
    }
}
