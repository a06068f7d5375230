//! Which places a piece of source uses, and how.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use syn::{
    Expr, Pat, Stmt, UnOp,
    visit::{self, Visit},
};

use super::{
    Around, bound_by, bound_by_stmt, exprs_in, mentions, place::Place, tokens::is_unknown_macro,
};
use crate::plan::{NodeId, id_of};

/// How a place from outside is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    /// Moved or copied.
    Value,
    /// `&x`, `*x`
    Borrow,
    /// `&mut x`
    BorrowMut,
    /// `x = ..`
    Set,
    /// `x += ..`, `x[i] = ..`
    Assign,
    /// `*x = ..`: what `x` refers to is changed.
    AssignThrough,
    /// `x[i]`
    Index,
    /// `x.method()`, `x[i].method()`
    Receiver(String),
    /// `x(..)`
    Call,
    /// An argument of a macro that may do anything with it.
    Macro,
}

#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) place: Place,
    pub(crate) how: How,
    /// In a block that ends by leaving the loop or the function, or in a macro that may.
    pub(crate) leaving: bool,
}

/// The places of a piece of source that are not bound in it, in order.
#[derive(Default)]
pub(crate) struct Uses<'a> {
    pub(crate) all: Vec<Use>,
    scopes: Vec<HashSet<String>>,
    passed_over: &'a [NodeId],
    /// Whether what is bound inside counts as well.
    with_inner: bool,
    /// Macros around that may leave.
    in_macros: usize,
    around: Around,
}

impl<'a> Uses<'a> {
    fn new(passed_over: &'a [NodeId]) -> Self {
        Self {
            all: Vec::new(),
            scopes: vec![HashSet::new()],
            passed_over,
            with_inner: false,
            in_macros: 0,
            around: Around::default(),
        }
    }

    /// The uses in a statement, of variables that are bound in it as well.
    pub(crate) fn inside_stmt(stmt: &Stmt) -> Self {
        let mut uses = Self::new(&[]);
        uses.with_inner = true;
        uses.visit_stmt(stmt);
        uses
    }

    /// The uses in an expression, of variables that are bound in it as well.
    pub(crate) fn inside_expr(expr: &Expr) -> Self {
        let mut uses = Self::new(&[]);
        uses.with_inner = true;
        uses.visit_expr(expr);
        uses
    }

    /// The uses in a statement, less those in the expressions `passed_over`.
    pub(crate) fn of_stmt(stmt: &Stmt, passed_over: &'a [NodeId]) -> Self {
        let mut uses = Self::new(passed_over);
        uses.visit_stmt(stmt);
        uses
    }

    /// The uses in an expression, less those in the expressions `passed_over`.
    pub(crate) fn of_expr(expr: &Expr, passed_over: &'a [NodeId]) -> Self {
        let mut uses = Self::new(passed_over);
        uses.visit_expr(expr);
        uses
    }

    /// The uses alone.
    pub(crate) fn detached(self) -> Uses<'static> {
        Uses {
            all: self.all,
            ..Uses::new(&[])
        }
    }

    /// Whether a part of `place`, or what it is a part of, is used.
    pub(crate) fn touch(&self, place: &Place) -> bool {
        self.all.iter().any(|u| u.place.overlaps(place))
    }

    pub(crate) fn mention(&self, name: &str) -> bool {
        self.all.iter().any(|u| u.place.root == name)
    }

    fn record(&mut self, place: Place, how: How) {
        let name = place.root.to_string();
        if self.with_inner || !self.scopes.iter().any(|scope| scope.contains(&name)) {
            let leaving = self.around.is_leaving() || self.in_macros > 0;
            self.all.push(Use {
                place,
                how,
                leaving,
            });
        }
    }

    fn bind(&mut self, pat: &Pat, can_fail: bool) {
        self.bind_names(bound_by(pat, can_fail));
    }

    fn bind_names(&mut self, names: Vec<Ident>) {
        let names = names.into_iter().map(|ident| ident.to_string());
        self.scopes
            .last_mut()
            .expect("a scope is open")
            .extend(names);
    }

    fn scoped(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(HashSet::new());
        inside(self);
        self.scopes.pop();
    }

    /// Records a use of the place `expr`, or visits what it is instead.
    fn place(&mut self, expr: &Expr, how: How) {
        if self.is_passed_over(expr) {
            return;
        }
        if let Some(place) = Place::of_expr(expr) {
            return self.record(place, how);
        }
        match expr {
            // A function or a constant: `f32::MAX`.
            Expr::Path(_) => {}
            Expr::Paren(inner) => self.place(&inner.expr, how),
            Expr::Group(inner) => self.place(&inner.expr, how),
            Expr::Field(field) => {
                let how = match how {
                    How::Value => How::Borrow,
                    other => other,
                };
                self.place(&field.base, how);
            }
            Expr::Index(index) => {
                let how = match how {
                    How::Value | How::Borrow | How::Index => How::Index,
                    How::Set => How::Assign,
                    other => other,
                };
                self.place(&index.expr, how);
                self.visit_expr(&index.index);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                let how = match how {
                    How::Value => How::Borrow,
                    How::Assign | How::Set => How::AssignThrough,
                    other => other,
                };
                self.place(&unary.expr, how);
            }
            other if matches!(how, How::Assign | How::Set) => self.assigned(other),
            other => self.visit_expr(other),
        }
    }

    /// The left side of `(a, b) = ..`.
    fn assigned(&mut self, expr: &Expr) {
        match expr {
            Expr::Tuple(tuple) => tuple.elems.iter().for_each(|e| self.place(e, How::Set)),
            Expr::Array(array) => array.elems.iter().for_each(|e| self.place(e, How::Set)),
            Expr::Call(call) => call.args.iter().for_each(|e| self.place(e, How::Set)),
            Expr::Struct(of) => of.fields.iter().for_each(|f| self.place(&f.expr, How::Set)),
            Expr::Infer(_) | Expr::Range(_) => {}
            other => self.visit_expr(other),
        }
    }

    fn is_passed_over(&self, expr: &Expr) -> bool {
        let is_listed = |id| self.passed_over.contains(&id);
        let is_call = matches!(expr, Expr::MethodCall(call) if is_listed(id_of(call)));
        is_call || is_listed(id_of(expr))
    }

    fn macro_of(&mut self, mac: &syn::Macro) {
        // A macro that is not known may leave, and may change its arguments.
        let is_unknown = is_unknown_macro(&mac.path);
        let may_leave = usize::from(is_unknown && !self.around.is_in_loop());
        self.in_macros += may_leave;
        self.macro_tokens(&mac.tokens, is_unknown);
        self.in_macros -= may_leave;
    }

    fn macro_tokens(&mut self, tokens: &TokenStream, is_unknown: bool) {
        let Some(pieces) = exprs_in(tokens) else {
            return self.mentioned(tokens.clone(), &How::Macro);
        };
        for (piece, _) in &pieces {
            match piece {
                // A format string holds names, not expressions.
                Expr::Lit(lit) => self.mentioned(quote::quote!(#lit), &How::Borrow),
                // `name = value`, of a format
                Expr::Assign(named) if !is_unknown => self.visit_expr(&named.right),
                _ if is_unknown && Place::of_expr(piece).is_some() => {
                    self.place(piece, How::Macro);
                }
                _ => self.visit_expr(piece),
            }
        }
    }

    fn mentioned(&mut self, tokens: TokenStream, how: &How) {
        let mut names = Vec::new();
        mentions(tokens, &mut names);
        for name in names {
            self.record(Place::of_variable(&name), how.clone());
        }
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        if self.is_passed_over(expr) {
            return;
        }
        self.around.enter(expr);
        match expr {
            Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => self.place(expr, How::Value),
            Expr::Reference(reference) => {
                let how = if reference.mutability.is_some() {
                    How::BorrowMut
                } else {
                    How::Borrow
                };
                self.place(&reference.expr, how);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                self.place(&unary.expr, How::Borrow);
            }
            Expr::MethodCall(call) => {
                self.place(&call.receiver, How::Receiver(call.method.to_string()));
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Call(call) => {
                self.place(&call.func, How::Call);
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Assign(assign) => {
                self.visit_expr(&assign.right);
                self.place(&assign.left, How::Set);
            }
            Expr::Binary(binary) if is_assignment(&binary.op) => {
                self.visit_expr(&binary.right);
                self.place(&binary.left, How::Assign);
            }
            Expr::Closure(closure) => {
                let before = self.all.len();
                self.scoped(|uses| {
                    closure
                        .inputs
                        .iter()
                        .for_each(|input| uses.bind(input, false));
                    uses.visit_expr(&closure.body);
                });
                if closure.capture.is_some() {
                    for u in &mut self.all[before..] {
                        u.how = How::Value;
                    }
                }
            }
            Expr::If(branch) => {
                self.scoped(|uses| {
                    uses.visit_expr(&branch.cond);
                    uses.visit_block(&branch.then_branch);
                });
                if let Some((_, otherwise)) = &branch.else_branch {
                    self.visit_expr(otherwise);
                }
            }
            Expr::While(repeat) => self.scoped(|uses| {
                uses.visit_expr(&repeat.cond);
                uses.visit_block(&repeat.body);
            }),
            Expr::ForLoop(repeat) => {
                self.visit_expr(&repeat.expr);
                self.scoped(|uses| {
                    uses.bind(&repeat.pat, false);
                    uses.visit_block(&repeat.body);
                });
            }
            Expr::Let(condition) => {
                self.visit_expr(&condition.expr);
                self.bind(&condition.pat, true);
            }
            Expr::Match(choice) => {
                self.visit_expr(&choice.expr);
                for arm in &choice.arms {
                    self.scoped(|uses| {
                        uses.bind(&arm.pat, true);
                        uses.visit_pat(&arm.pat);
                        uses.visit_expr(&arm.body);
                    });
                }
            }
            Expr::Macro(call) => self.macro_of(&call.mac),
            Expr::Verbatim(tokens) => self.macro_tokens(tokens, false),
            _ => visit::visit_expr(self, expr),
        }
        self.around.exit(expr);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let was_leaving = self.around.enter_block(block);
        self.scoped(|uses| block.stmts.iter().for_each(|stmt| uses.visit_stmt(stmt)));
        self.around.exit_block(was_leaving);
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            Stmt::Local(local) => {
                if let Some(init) = &local.init {
                    self.visit_expr(&init.expr);
                    if let Some((_, diverge)) = &init.diverge {
                        self.visit_expr(diverge);
                    }
                }
                self.bind_names(bound_by_stmt(stmt));
            }
            Stmt::Item(_) => {}
            Stmt::Expr(expr, _) => self.visit_expr(expr),
            Stmt::Macro(call) => self.macro_of(&call.mac),
        }
    }

    fn visit_type(&mut self, _: &'ast syn::Type) {}
}

/// Whether this is `x = ..` or one of `x += ..` and its kin.
pub(crate) fn assigns(expr: &Expr) -> bool {
    match expr {
        Expr::Assign(_) => true,
        Expr::Binary(binary) => is_assignment(&binary.op),
        _ => false,
    }
}

/// Whether this is the operator of `x += ..` or one of its kin.
pub(super) fn is_assignment(op: &syn::BinOp) -> bool {
    use syn::BinOp::*;
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}
