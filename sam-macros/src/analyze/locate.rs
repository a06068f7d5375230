//! Where the sites of a step are: `traced`, `backward` and `update`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Block, Expr, ExprMethodCall, Label, Pat, Stmt,
    visit::{self, Visit},
};

use crate::model::{NodeId, id_of};

/// What a site stands in, from the function's body inwards.
#[derive(Clone)]
pub(super) enum Frame<'a> {
    /// A block, and the statement of it.
    Block(&'a Block, usize),
    Loop {
        id: NodeId,
        label: Option<&'a Label>,
    },
    /// Patterns whose variables are in scope: of a loop, an arm, an `if let`.
    Binds(&'a Pat),
    /// A branch that may not be taken.
    Branch,
}

/// A method call that is part of the step.
#[derive(Clone)]
pub(super) struct Site<'a> {
    pub(super) call: &'a ExprMethodCall,
    pub(super) stack: Vec<Frame<'a>>,
    /// When it is evaluated, relative to other sites.
    pub(super) order: usize,
}

#[derive(Default)]
pub(super) struct Sites<'a> {
    pub(super) traces: Vec<Site<'a>>,
    pub(super) backwards: Vec<Site<'a>>,
    pub(super) updates: Vec<Site<'a>>,
    /// Sites that the macro can't reach, and what hides them.
    pub(super) hidden: Vec<(Span, &'static str, &'static str)>,
    stack: Vec<Frame<'a>>,
    hidden_by: Option<&'static str>,
    clock: usize,
}

pub(super) fn sites(body: &Block) -> Sites<'_> {
    let mut sites = Sites::default();
    sites.visit_block(body);
    sites
}

const TRACES: &[&str] = &["traced", "trace", "leaky_traced", "leaky_trace"];

/// Whether this is `X.traced(E)` or `X.leaky_traced()`, not some other `trace`.
fn is_trace(call: &ExprMethodCall) -> bool {
    let name = call.method.to_string();
    TRACES.contains(&&*name) && call.args.len() == usize::from(!name.starts_with("leaky"))
}

fn is_backward(call: &ExprMethodCall) -> bool {
    (call.method == "backward" || call.method == "try_backward") && call.args.is_empty()
}

/// Whether this may be `O.update(&mut M, &G)`.
fn is_update(call: &ExprMethodCall) -> bool {
    call.method == "update" && call.args.len() == 2
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
        let kind = if is_trace(call) {
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
        };
        match kind {
            "forward" => self.traces.push(site),
            "backward" => self.backwards.push(site),
            _ => self.updates.push(site),
        }
    }

    /// A macro's arguments are tokens: a site in them is seen by its name and the call behind it.
    fn note_in_macro(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        for pair in tokens.windows(2) {
            if let (TokenTree::Ident(name), TokenTree::Group(_)) = (&pair[0], &pair[1]) {
                let name_text = name.to_string();
                if name_text == "backward" || name_text == "try_backward" {
                    self.hidden.push((name.span(), "backward", "macro"));
                } else if TRACES[..1].contains(&&*name_text) || TRACES[2..].contains(&&*name_text) {
                    self.hidden.push((name.span(), "forward", "macro"));
                }
            }
        }
        for token in &tokens {
            if let TokenTree::Group(group) = token {
                self.note_in_macro(&group.stream());
            }
        }
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
                        self.within(Frame::Branch, |sites| sites.visit_expr(diverge));
                    }
                }
            }
            Stmt::Item(item) => self.hide("nested item", |sites| sites.visit_item(item)),
            _ => visit::visit_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::MethodCall(call) => {
                visit::visit_expr(self, expr);
                // After its operands, as it is evaluated.
                self.note(call);
            }
            Expr::Closure(closure) => {
                self.hide("closure", |sites| visit::visit_expr_closure(sites, closure));
            }
            Expr::Async(block) => {
                self.hide("async block", |sites| visit::visit_expr_async(sites, block));
            }
            Expr::Const(block) => {
                self.hide("const block", |sites| visit::visit_expr_const(sites, block));
            }
            Expr::ForLoop(repeat) => {
                self.visit_expr(&repeat.expr);
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                };
                self.within(frame, |sites| {
                    sites.within(Frame::Binds(&repeat.pat), |s| s.visit_block(&repeat.body));
                });
            }
            Expr::While(repeat) => {
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                };
                self.within(frame, |sites| {
                    sites.condition(&repeat.cond, |s| s.visit_block(&repeat.body));
                });
            }
            Expr::Loop(repeat) => {
                let frame = Frame::Loop {
                    id: id_of(repeat),
                    label: repeat.label.as_ref(),
                };
                self.within(frame, |sites| sites.visit_block(&repeat.body));
            }
            Expr::If(branch) => {
                self.condition(&branch.cond, |sites| {
                    sites.within(Frame::Branch, |s| s.visit_block(&branch.then_branch));
                });
                if let Some((_, otherwise)) = &branch.else_branch {
                    self.within(Frame::Branch, |sites| sites.visit_expr(otherwise));
                }
            }
            Expr::Match(choice) => {
                self.visit_expr(&choice.expr);
                for arm in &choice.arms {
                    self.within(Frame::Binds(&arm.pat), |sites| {
                        sites.within(Frame::Branch, |s| s.visit_expr(&arm.body));
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

impl<'a> Sites<'a> {
    /// Visits a condition, then `inside` with the variables of its `let`s in scope.
    fn condition(&mut self, condition: &'a Expr, inside: impl FnOnce(&mut Self)) {
        self.visit_expr(condition);
        let pats = lets_in(condition);
        let depth = self.stack.len();
        self.stack.extend(pats.into_iter().map(Frame::Binds));
        inside(self);
        self.stack.truncate(depth);
    }
}

fn lets_in(condition: &Expr) -> Vec<&Pat> {
    match condition {
        Expr::Let(condition) => vec![&condition.pat],
        Expr::Binary(both) => [lets_in(&both.left), lets_in(&both.right)].concat(),
        Expr::Paren(inner) => lets_in(&inner.expr),
        _ => Vec::new(),
    }
}
