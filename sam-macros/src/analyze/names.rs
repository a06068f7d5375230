//! Which variables a piece of source uses, and how.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use syn::{
    Block, Expr, Member, Pat, Stmt, UnOp,
    visit::{self, Visit},
};

use crate::{
    model::{NodeId, id_of},
    tokens,
};

/// How a free variable is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    /// Moved or copied.
    Value,
    /// `&x`, `x[i]`
    Borrow,
    /// `&mut x`
    BorrowMut,
    /// `x = ..`, `x += ..`, `x.field = ..`
    Assign,
    /// `x.method()`
    Receiver(String),
    /// `x.field`, moved, copied or called upon.
    Field(Member),
    /// `x.field.next()`: what is in a field is changed. Stands beside [`How::Field`].
    FieldChanged,
    /// `x(..)`
    Call,
    /// In the arguments of a macro.
    Macro { only_reads: bool },
}

#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) ident: Ident,
    pub(crate) how: How,
    /// Inside a block that leaves the loop or the function at its end.
    pub(crate) leaving: bool,
}

/// The free variables of a piece of source, in order.
pub(crate) struct Uses<'a> {
    pub(crate) all: Vec<Use>,
    scopes: Vec<HashSet<String>>,
    leaving: usize,
    passed_over: &'a [NodeId],
    model: Option<&'a Expr>,
}

impl<'a> Uses<'a> {
    fn new(passed_over: &'a [NodeId], model: Option<&'a Expr>) -> Self {
        Self {
            all: Vec::new(),
            scopes: vec![HashSet::new()],
            leaving: 0,
            passed_over,
            model,
        }
    }

    /// The uses in a statement, less those in the expressions `passed_over` and of `model`, where
    /// that is a field.
    pub(crate) fn of_stmt(stmt: &Stmt, passed_over: &'a [NodeId], model: Option<&'a Expr>) -> Self {
        let mut uses = Self::new(passed_over, model);
        uses.visit_stmt(stmt);
        uses
    }

    /// The uses in an expression; see [`Self::of_stmt`].
    pub(crate) fn of_expr(expr: &Expr, passed_over: &'a [NodeId], model: Option<&'a Expr>) -> Self {
        let mut uses = Self::new(passed_over, model);
        uses.visit_expr(expr);
        uses
    }

    /// The names that are used.
    pub(crate) fn names(&self) -> HashSet<String> {
        self.all.iter().map(|u| u.ident.to_string()).collect()
    }

    fn record(&mut self, ident: &Ident, how: How) {
        let name = ident.to_string();
        if !self.scopes.iter().any(|scope| scope.contains(&name)) {
            self.all.push(Use {
                ident: ident.clone(),
                how,
                leaving: self.leaving > 0,
            });
        }
    }

    fn bind(&mut self, pat: &Pat) {
        let names = bound_by(pat).into_iter().map(|ident| ident.to_string());
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

    /// Records a use of the place `expr`: `how` for a variable, and for what a place is part of.
    fn place(&mut self, expr: &Expr, how: How) {
        if self.is_passed_over(expr) {
            return;
        }
        match expr {
            Expr::Path(path) => {
                if let Some(ident) = path.path.get_ident() {
                    self.record(ident, how);
                }
            }
            Expr::Field(field) => {
                let how = match (&*field.base, &how) {
                    (_, How::Assign | How::BorrowMut) => how,
                    (Expr::Path(_), _) => How::Field(field.member.clone()),
                    _ => How::Borrow,
                };
                self.place(&field.base, how);
            }
            Expr::Index(index) => {
                let how = if matches!(how, How::Assign | How::BorrowMut) {
                    how
                } else {
                    How::Borrow
                };
                self.place(&index.expr, how);
                self.visit_expr(&index.index);
            }
            Expr::Paren(inner) => self.place(&inner.expr, how),
            Expr::Group(inner) => self.place(&inner.expr, how),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                let how = if matches!(how, How::Assign | How::BorrowMut) {
                    how
                } else {
                    How::Borrow
                };
                self.place(&unary.expr, how);
            }
            Expr::Tuple(tuple) if how == How::Assign => {
                tuple
                    .elems
                    .iter()
                    .for_each(|part| self.place(part, How::Assign));
            }
            other => self.visit_expr(other),
        }
    }

    fn is_passed_over(&self, expr: &Expr) -> bool {
        let is_model = matches!(expr, Expr::Field(_)) && self.model == Some(expr);
        let is_listed = |id| self.passed_over.contains(&id);
        let is_call = matches!(expr, Expr::MethodCall(call) if is_listed(id_of(call)));
        is_model || is_call || is_listed(id_of(expr))
    }

    fn macro_tokens(&mut self, path: &syn::Path, tokens: &TokenStream) {
        let only_reads = path
            .segments
            .last()
            .is_some_and(|s| READING.contains(&&*s.ident.to_string()));
        // Where the arguments are expressions they are read as such; format strings are tokens.
        let mut found = Vec::new();
        tokens::idents(tokens.clone(), &mut found);
        for ident in found {
            self.record(&ident, How::Macro { only_reads });
        }
    }
}

/// Methods that change what they are called on, and so must not run in each pass.
pub(super) const CHANGING: &[&str] = &[
    "drain",
    "extend",
    "fill",
    "gen",
    "gen_bool",
    "gen_range",
    "insert",
    "next",
    "next_back",
    "next_u32",
    "next_u64",
    "pop",
    "push",
    "random",
    "random_bool",
    "random_range",
    "remove",
    "replace",
    "sample",
    "set",
    "take",
];

/// `x` of `x.field` and `x.field.field`.
fn root_of_field(place: &Expr) -> Option<&Ident> {
    let Expr::Field(field) = place else {
        return None;
    };
    match &*field.base {
        Expr::Path(path) => path.path.get_ident(),
        base => root_of_field(base),
    }
}

/// Macros that only look at their arguments.
const READING: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "error",
    "format",
    "info",
    "matches",
    "panic",
    "print",
    "println",
    "trace",
    "warn",
];

/// The variables that a pattern binds. A capital letter is a constant or a unit struct.
pub(crate) fn bound_by(pat: &Pat) -> Vec<Ident> {
    struct Binds(Vec<Ident>);
    impl<'ast> Visit<'ast> for Binds {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            if !pat.ident.to_string().starts_with(char::is_uppercase) {
                self.0.push(pat.ident.clone());
            }
            visit::visit_pat_ident(self, pat);
        }

        fn visit_expr(&mut self, _: &'ast Expr) {}
    }
    let mut binds = Binds(Vec::new());
    binds.visit_pat(pat);
    binds.0
}

/// The variables that a statement binds for those after it.
pub(crate) fn bound_by_stmt(stmt: &Stmt) -> Vec<Ident> {
    match stmt {
        Stmt::Local(local) => bound_by(&local.pat),
        _ => Vec::new(),
    }
}

/// Whether a block ends by leaving the loop or the function.
fn leaves(block: &Block) -> bool {
    matches!(
        block.stmts.last(),
        Some(Stmt::Expr(
            Expr::Break(_) | Expr::Continue(_) | Expr::Return(_),
            _
        ))
    )
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        if self.is_passed_over(expr) {
            return;
        }
        match expr {
            Expr::Path(_) => self.place(expr, How::Value),
            Expr::Field(_) | Expr::Index(_) => self.place(expr, How::Value),
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
                let method = call.method.to_string();
                if let Some(root) = root_of_field(&call.receiver)
                    && CHANGING.contains(&method.as_str())
                    && !self.is_passed_over(&call.receiver)
                {
                    self.record(root, How::FieldChanged);
                }
                self.place(&call.receiver, How::Receiver(method));
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Call(call) => {
                self.place(&call.func, How::Call);
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Assign(assign) => {
                self.visit_expr(&assign.right);
                self.place(&assign.left, How::Assign);
            }
            Expr::Binary(binary) if is_assignment(&binary.op) => {
                self.visit_expr(&binary.right);
                self.place(&binary.left, How::Assign);
            }
            Expr::Closure(closure) => self.scoped(|uses| {
                closure.inputs.iter().for_each(|input| uses.bind(input));
                uses.visit_expr(&closure.body);
            }),
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
                    uses.bind(&repeat.pat);
                    uses.visit_block(&repeat.body);
                });
            }
            Expr::Let(condition) => {
                self.visit_expr(&condition.expr);
                self.bind(&condition.pat);
            }
            Expr::Match(choice) => {
                self.visit_expr(&choice.expr);
                for arm in &choice.arms {
                    self.scoped(|uses| {
                        uses.bind(&arm.pat);
                        uses.visit_pat(&arm.pat);
                        uses.visit_expr(&arm.body);
                    });
                }
            }
            Expr::Macro(call) => self.macro_tokens(&call.mac.path, &call.mac.tokens),
            Expr::Verbatim(tokens) => self.macro_tokens(&syn::parse_quote!(verbatim), tokens),
            _ => visit::visit_expr(self, expr),
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let leaving = usize::from(leaves(block));
        self.leaving += leaving;
        self.scoped(|uses| block.stmts.iter().for_each(|stmt| uses.visit_stmt(stmt)));
        self.leaving -= leaving;
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            Stmt::Local(local) => {
                if let Some(init) = &local.init {
                    self.visit_expr(&init.expr);
                    if let Some((_, diverge)) = &init.diverge {
                        self.leaving += 1;
                        self.visit_expr(diverge);
                        self.leaving -= 1;
                    }
                }
                self.bind(&local.pat);
            }
            Stmt::Item(_) => {}
            Stmt::Expr(expr, _) => self.visit_expr(expr),
            Stmt::Macro(call) => self.macro_tokens(&call.mac.path, &call.mac.tokens),
        }
    }

    fn visit_type(&mut self, _: &'ast syn::Type) {}
}

fn is_assignment(op: &syn::BinOp) -> bool {
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
