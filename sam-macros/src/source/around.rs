//! The loops, labelled blocks and closures around a piece of source, which a `break`, `continue` or `return` in it
//! leaves.

use syn::{Block, Expr, Label, Lifetime, Stmt};

/// What has been entered on the way to a piece of source.
#[derive(Default)]
pub(crate) struct Around {
    closures: usize,
    loops: usize,
    labels: Vec<String>,
    is_leaving: bool,
}

impl Around {
    /// Enters a loop, a block with a label or a closure, if the expression is one.
    pub(crate) fn enter(&mut self, expr: &Expr) {
        self.closures += usize::from(is_closure(expr));
        if let Some((label, is_loop)) = entered(expr) {
            self.loops += usize::from(is_loop);
            self.labels.extend(name(label));
        }
    }

    /// Leaves what [`Self::enter`] entered.
    pub(crate) fn exit(&mut self, expr: &Expr) {
        self.closures -= usize::from(is_closure(expr));
        if let Some((label, is_loop)) = entered(expr) {
            self.loops -= usize::from(is_loop);
            if label.is_some() {
                self.labels.pop();
            }
        }
    }

    pub(crate) fn is_in_loop(&self) -> bool {
        self.loops > 0
    }

    /// Enters a block. What it returns is for [`Self::exit_block`].
    pub(crate) fn enter_block(&mut self, block: &Block) -> bool {
        let was_leaving = self.is_leaving;
        self.is_leaving |=
            matches!(block.stmts.last(), Some(Stmt::Expr(expr, _)) if self.leaves(expr));
        was_leaving
    }

    /// Leaves it.
    pub(crate) fn exit_block(&mut self, was_leaving: bool) {
        self.is_leaving = was_leaving;
    }

    /// Whether a block was entered that ends by leaving all that was entered before.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// Whether this is a `return`, `break`, `continue` or `?` that may leave all that was entered.
    pub(crate) fn may_leave(&self, expr: &Expr) -> bool {
        let is_try = matches!(expr, Expr::Try(_));
        self.leaves(expr) || (is_try && self.closures == 0)
    }

    fn leaves(&self, expr: &Expr) -> bool {
        let goes_out = |label: &Option<Lifetime>| match label {
            Some(label) => !self.labels.contains(&label.ident.to_string()),
            None => self.loops == 0,
        };
        let goes_out = match expr {
            Expr::Return(_) => true,
            Expr::Break(leave) => goes_out(&leave.label),
            Expr::Continue(leave) => goes_out(&leave.label),
            _ => false,
        };
        goes_out && self.closures == 0
    }
}

fn is_closure(expr: &Expr) -> bool {
    matches!(expr, Expr::Closure(_) | Expr::Async(_))
}

/// The label of what can be left from inside, and whether it is a loop.
fn entered(expr: &Expr) -> Option<(&Option<Label>, bool)> {
    match expr {
        Expr::Loop(of) => Some((&of.label, true)),
        Expr::While(of) => Some((&of.label, true)),
        Expr::ForLoop(of) => Some((&of.label, true)),
        Expr::Block(of) => Some((&of.label, false)),
        _ => None,
    }
}

fn name(label: &Option<Label>) -> Option<String> {
    label.as_ref().map(|label| label.name.ident.to_string())
}
