//! Where the sites of a step are: `traced`, `backward` and `update`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Block, Expr, ExprMethodCall, Label, Pat, Stmt,
    visit::{self, Visit},
};

use crate::{
    known::NUMBERS,
    plan::{NodeId, TraceKind, id_of},
};

/// A function inside may train for itself.
pub(super) const NESTED_ITEM: &str = "a nested item";

/// What a site stands in, from the function's body inwards.
#[derive(Clone)]
pub(super) enum Frame<'a> {
    /// A block, and the statement of it.
    Block(&'a Block, usize),
    Loop {
        id: NodeId,
        label: Option<&'a Label>,
        /// Of a `for`.
        pat: Option<&'a Pat>,
    },
    Closure(&'a syn::ExprClosure),
    /// A pattern that has matched: of an arm, an `if let`.
    Arm(&'a Pat, &'a Expr),
}

/// A method call that is part of a step.
#[derive(Clone)]
pub(super) struct Site<'a> {
    pub(super) call: &'a ExprMethodCall,
    pub(super) stack: Vec<Frame<'a>>,
    /// When it is evaluated, relative to other sites.
    pub(super) order: usize,
    /// The calls that it is an argument of, from the outside in.
    pub(super) within: Vec<&'a Expr>,
}

#[derive(Default)]
pub(super) struct Sites<'a> {
    pub(super) backwards: Vec<Site<'a>>,
    pub(super) updates: Vec<Site<'a>>,
    /// Where tapes begin, wherever that is.
    pub(super) traces: Vec<Site<'a>>,
    /// Sites that the macro can't reach, and what hides them.
    pub(super) hidden: Vec<(Span, &'static str, &'static str)>,
    stack: Vec<Frame<'a>>,
    within: Vec<&'a Expr>,
    hidden_by: Option<&'static str>,
    clock: usize,
}

pub(super) fn sites(body: &Block) -> Sites<'_> {
    let mut sites = Sites::default();
    sites.visit_block(body);
    sites
}

/// What a call is, if a tape begins there. For `retaped`, see [`is_retape`].
pub(super) fn trace_kind(call: &ExprMethodCall) -> Option<TraceKind> {
    let kind = match (&*call.method.to_string(), call.args.len()) {
        ("traced", 1) => TraceKind::Traced,
        ("trace", 1) if !matches!(call.args[0], Expr::Lit(_) | Expr::Macro(_)) => TraceKind::Trace,
        ("leaky_traced" | "leaky_trace", 0) => TraceKind::Leaky,
        ("put_tape", 1) => TraceKind::PutTape,
        _ => return None,
    };
    Some(kind)
}

/// Whether this gives a value a tape of its own: `x.retaped()`, but not `x.retaped::<NoneTape>()`.
pub(super) fn is_retape(call: &ExprMethodCall) -> bool {
    let takes_none = call
        .turbofish
        .as_ref()
        .is_some_and(|turbofish| crate::source::has_ident(turbofish, "NoneTape"));
    call.method == "retaped" && call.args.is_empty() && !takes_none
}

fn is_backward(call: &ExprMethodCall) -> bool {
    (call.method == "backward" || call.method == "try_backward") && call.args.is_empty()
}

/// Whether this may be `O.update(&mut M, &G)`, or `O.update_and_zero(&mut M, &mut G)`: an `AverageMeter`'s `update(v, n)` is none.
fn is_update(call: &ExprMethodCall) -> bool {
    let is_number = |expr: &Expr| {
        matches!(expr, Expr::Lit(_) | Expr::Binary(_) | Expr::Cast(_))
            || matches!(expr, Expr::MethodCall(call) if NUMBERS.has(&call.method.to_string()))
    };
    (call.method == "update" || call.method == "update_and_zero")
        && call.args.len() == 2
        && !call.args.iter().any(is_number)
}

impl<'a> Sites<'a> {
    fn within(&mut self, frame: Frame<'a>, inside: impl FnOnce(&mut Self)) {
        self.stack.push(frame);
        inside(self);
        self.stack.pop();
    }

    fn hide(&mut self, by: &'static str, inside: impl FnOnce(&mut Self)) {
        let before = self.hidden_by.replace(by);
        inside(self);
        self.hidden_by = before;
    }

    fn note(&mut self, call: &'a ExprMethodCall) {
        let is_trace =
            (trace_kind(call).is_some() && !self.is_handed_input(call)) || is_retape(call);
        let kind = if is_trace {
            "forward"
        } else if is_backward(call) {
            "backward"
        } else if is_update(call) {
            "update"
        } else {
            return;
        };
        self.clock += 1;
        if let Some(by) = self.hidden_by {
            self.hidden.push((call.method.span(), kind, by));
            return;
        }
        let site = Site {
            call,
            stack: self.stack.clone(),
            order: self.clock,
            within: self.within.clone(),
        };
        match kind {
            "forward" => self.traces.push(site),
            "backward" => self.backwards.push(site),
            _ => self.updates.push(site),
        }
    }

    /// Whether a tape begins in the argument: then the method is one of the user's that is called like
    /// dfdx's, as in `net.traced(x.traced(grads))`. dfdx's own take gradients, which have no tape.
    fn is_handed_input(&self, call: &ExprMethodCall) -> bool {
        let is_inside = |site: &Site<'_>| {
            let mut calls = site.within.iter();
            calls.any(|outer| matches!(outer, Expr::MethodCall(outer) if std::ptr::eq(outer, call)))
        };
        let takes_gradients =
            matches!(trace_kind(call), Some(TraceKind::Traced | TraceKind::Trace));
        takes_gradients && self.traces.iter().any(is_inside)
    }

    /// A macro's arguments are tokens: a site in them is found by its name and the parentheses behind it.
    fn note_in_macro(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        for pair in tokens.windows(2) {
            if let (TokenTree::Ident(name), TokenTree::Group(_)) = (&pair[0], &pair[1]) {
                match &*name.to_string() {
                    "backward" | "try_backward" => {
                        self.hidden.push((name.span(), "backward", "a macro"));
                    }
                    "traced" | "leaky_traced" | "leaky_trace" => {
                        self.hidden.push((name.span(), "forward", "a macro"));
                    }
                    _ => {}
                }
            }
        }
        for token in &tokens {
            if let TokenTree::Group(group) = token {
                self.note_in_macro(&group.stream());
            }
        }
    }

    /// Visits a condition, then `inside` with the patterns of its `let`s matched.
    fn condition(&mut self, condition: &'a Expr, inside: impl FnOnce(&mut Self)) {
        self.visit_expr(condition);
        let depth = self.stack.len();
        self.stack.extend(lets_in(condition));
        inside(self);
        self.stack.truncate(depth);
    }
}

impl<'a> Visit<'a> for Sites<'a> {
    fn visit_block(&mut self, block: &'a Block) {
        for (i, stmt) in block.stmts.iter().enumerate() {
            self.within(Frame::Block(block, i), |sites| sites.visit_stmt(stmt));
        }
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Local(local) => {
                if let Some(init) = &local.init {
                    self.visit_expr(&init.expr);
                    if let Some((_, diverge)) = &init.diverge {
                        self.visit_expr(diverge);
                    }
                }
            }
            Stmt::Item(item) => self.hide(NESTED_ITEM, |sites| sites.visit_item(item)),
            _ => visit::visit_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::MethodCall(call) => {
                self.visit_expr(&call.receiver);
                self.within.push(expr);
                call.args.iter().for_each(|arg| self.visit_expr(arg));
                self.within.pop();
                // After its operands: in the order of evaluation.
                self.note(call);
            }
            Expr::Call(call) => {
                self.visit_expr(&call.func);
                self.within.push(expr);
                call.args.iter().for_each(|arg| self.visit_expr(arg));
                self.within.pop();
            }
            Expr::Closure(closure) => {
                self.within(Frame::Closure(closure), |sites| {
                    sites.visit_expr(&closure.body);
                });
            }
            Expr::Async(block) => {
                self.hide("an async block", |sites| {
                    visit::visit_expr_async(sites, block)
                });
            }
            Expr::Const(block) => {
                self.hide("a const block", |sites| {
                    visit::visit_expr_const(sites, block)
                });
            }
            Expr::ForLoop(repeat) => {
                self.visit_expr(&repeat.expr);
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                    pat: Some(&repeat.pat),
                };
                self.within(frame, |sites| sites.visit_block(&repeat.body));
            }
            Expr::While(repeat) => {
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                    pat: None,
                };
                self.within(frame, |sites| {
                    sites.condition(&repeat.cond, |s| s.visit_block(&repeat.body));
                });
            }
            Expr::Loop(repeat) => {
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                    pat: None,
                };
                self.within(frame, |sites| sites.visit_block(&repeat.body));
            }
            Expr::If(branch) => {
                self.condition(&branch.cond, |sites| {
                    sites.visit_block(&branch.then_branch);
                });
                if let Some((_, otherwise)) = &branch.else_branch {
                    self.visit_expr(otherwise);
                }
            }
            Expr::Match(choice) => {
                self.visit_expr(&choice.expr);
                for arm in &choice.arms {
                    self.within(Frame::Arm(&arm.pat, &choice.expr), |sites| {
                        sites.visit_pat(&arm.pat);
                        sites.visit_expr(&arm.body);
                    });
                }
            }
            Expr::Macro(call) => self.note_in_macro(&call.mac.tokens),
            _ => visit::visit_expr(self, expr),
        }
    }

    fn visit_stmt_macro(&mut self, call: &'a syn::StmtMacro) {
        self.note_in_macro(&call.mac.tokens);
    }
}

fn lets_in(condition: &Expr) -> Vec<Frame<'_>> {
    match condition {
        Expr::Let(condition) => vec![Frame::Arm(&condition.pat, &condition.expr)],
        Expr::Binary(both) => [lets_in(&both.left), lets_in(&both.right)].concat(),
        Expr::Paren(inner) => lets_in(&inner.expr),
        _ => Vec::new(),
    }
}
