//! The way to a backward site: all statements before it, and what surrounds it.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Expr, FnArg, ItemFn, Pat, Stmt, Type, visit::Visit};

use super::sites::{Frame, Site};
use crate::{
    plan::{At, NodeId, id_of},
    source::{Uses, binds_mut, bound_by, bound_by_stmt},
};

/// From the function's parameters down to the backward site.
pub(super) struct Path<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

pub(super) enum Step<'a> {
    /// A parameter.
    Param(&'a Pat, &'a Type),
    /// What stands before the site in a block.
    Line(PathLine<'a>),
    /// The site is in this loop.
    Loop(Option<&'a Pat>),
    /// The site is in this closure.
    Closure(&'a syn::ExprClosure),
}

pub(super) struct PathLine<'a> {
    pub(super) at: At,
    pub(super) source: Source<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Stmt(&'a Stmt),
    /// A pattern that has matched on the way.
    Arm(&'a Pat, &'a Expr),
    /// `L` of `L.backward()`.
    Loss(&'a Expr),
}

impl<'a> Source<'a> {
    pub(super) fn binds(self) -> Vec<Ident> {
        match self {
            Self::Stmt(stmt) => bound_by_stmt(stmt),
            Self::Arm(pat, _) => bound_by(pat, true),
            Self::Loss(_) => Vec::new(),
        }
    }

    pub(super) fn uses<'p>(self, passed_over: &'p [NodeId]) -> Uses<'p> {
        match self {
            Self::Stmt(stmt) => Uses::of_stmt(stmt, passed_over),
            Self::Arm(_, expr) | Self::Loss(expr) => Uses::of_expr(expr, passed_over),
        }
    }

    pub(super) fn tokens(self) -> TokenStream {
        match self {
            Self::Stmt(stmt) => stmt.to_token_stream(),
            Self::Arm(pat, _) => pat.to_token_stream(),
            Self::Loss(expr) => expr.to_token_stream(),
        }
    }

    /// The `#[cfg(..)]`s of it.
    pub(super) fn conditions(self) -> Vec<syn::Attribute> {
        let attrs = match self {
            Self::Stmt(Stmt::Local(local)) => &local.attrs,
            Self::Stmt(Stmt::Macro(call)) => &call.attrs,
            _ => return Vec::new(),
        };
        let is_condition = |attr: &&syn::Attribute| attr.path().is_ident("cfg");
        attrs.iter().filter(is_condition).cloned().collect()
    }

    pub(super) fn is_conditional(self) -> bool {
        !self.conditions().is_empty()
    }

    /// The value that a `let` binds.
    pub(super) fn init(self) -> Option<&'a Expr> {
        match self {
            Self::Stmt(Stmt::Local(local)) => local.init.as_ref().map(|init| &*init.expr),
            _ => None,
        }
    }

    pub(super) fn is_let(self) -> bool {
        !matches!(self, Self::Stmt(Stmt::Expr(..) | Stmt::Macro(_)))
    }

    /// Visits the expressions of it.
    pub(super) fn visit<V: Visit<'a>>(self, visitor: &mut V) {
        match self {
            Self::Stmt(stmt) => visitor.visit_stmt(stmt),
            Self::Arm(_, expr) | Self::Loss(expr) => visitor.visit_expr(expr),
        }
    }
}

/// What the function says of a variable.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    /// Where, in the steps of the path.
    pub(super) step: usize,
    pub(super) mutable: bool,
    /// `Some(mutable)` for a reference.
    pub(super) reference: Option<bool>,
    /// `let x = 0.5;`
    pub(super) is_literal: bool,
}

impl<'a> Path<'a> {
    pub(super) fn to(site: &Site<'a>, item: &'a ItemFn) -> Self {
        let params = item.sig.inputs.iter().filter_map(|arg| match arg {
            FnArg::Typed(arg) => Some(Step::Param(&arg.pat, &arg.ty)),
            FnArg::Receiver(_) => None,
        });
        let mut steps: Vec<Step<'a>> = params.collect();
        let mut at = At { block: 0, stmt: 0 };
        for frame in &site.stack {
            match frame {
                Frame::Block(block, i) => {
                    let block_id = id_of(*block);
                    for (k, stmt) in block.stmts[..*i].iter().enumerate() {
                        let at = At {
                            block: block_id,
                            stmt: k,
                        };
                        let source = Source::Stmt(stmt);
                        steps.push(Step::Line(PathLine { at, source }));
                    }
                    at = At {
                        block: block_id,
                        stmt: *i,
                    };
                }
                Frame::Loop { pat, .. } => steps.push(Step::Loop(*pat)),
                Frame::Closure(closure) => steps.push(Step::Closure(closure)),
                Frame::Arm(pat, expr) => {
                    let source = Source::Arm(pat, expr);
                    steps.push(Step::Line(PathLine { at, source }));
                }
            }
        }
        let source = Source::Loss(&site.call.receiver);
        steps.push(Step::Line(PathLine { at, source }));
        Self { steps }
    }

    pub(super) fn line(&self, step: usize) -> Option<&PathLine<'a>> {
        match &self.steps[step] {
            Step::Line(line) => Some(line),
            _ => None,
        }
    }

    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = (usize, &PathLine<'a>)> {
        self.steps
            .iter()
            .enumerate()
            .filter_map(|(i, step)| match step {
                Step::Line(line) => Some((i, line)),
                _ => None,
            })
    }

    /// Whether there is a loop between two steps.
    pub(super) fn loop_between(&self, from: usize, to: usize) -> bool {
        self.steps[from..to]
            .iter()
            .any(|step| matches!(step, Step::Loop(_)))
    }

    /// Whether there is a closure between two steps.
    pub(super) fn closure_between(&self, from: usize, to: usize) -> bool {
        self.steps[from..to]
            .iter()
            .any(|step| matches!(step, Step::Closure(_)))
    }

    /// The last declaration of a variable before a step.
    pub(super) fn declared(&self, name: &Ident, before: usize) -> Option<Declared> {
        self.steps[..before]
            .iter()
            .enumerate()
            .rev()
            .find_map(|(step, found)| declaration(found, name, step))
    }
}

fn declaration(step: &Step<'_>, name: &Ident, at: usize) -> Option<Declared> {
    let plain = |pat: &Pat| Declared {
        step: at,
        mutable: binds_mut(pat, name),
        reference: None,
        is_literal: false,
    };
    match step {
        Step::Param(pat, ty) => bound_by(pat, false).contains(name).then(|| Declared {
            reference: match ty {
                Type::Reference(ty) if matches!(pat, Pat::Ident(_)) => {
                    Some(ty.mutability.is_some())
                }
                _ => None,
            },
            ..plain(pat)
        }),
        Step::Loop(pat) => {
            let pat = (*pat)?;
            bound_by(pat, false).contains(name).then(|| plain(pat))
        }
        Step::Closure(closure) => {
            let pat = closure
                .inputs
                .iter()
                .find(|pat| bound_by(pat, false).contains(name))?;
            Some(plain(pat))
        }
        Step::Line(line) => {
            if !line.source.binds().contains(name) {
                return None;
            }
            Some(match line.source {
                Source::Stmt(Stmt::Local(local)) => {
                    let init = line.source.init();
                    let declared = plain(&local.pat);
                    Declared {
                        reference: match (&local.pat, init) {
                            (Pat::Ident(_), Some(Expr::Reference(reference))) => {
                                Some(reference.mutability.is_some())
                            }
                            _ => None,
                        },
                        is_literal: matches!(local.pat, Pat::Ident(_))
                            && matches!(init, Some(Expr::Lit(_)))
                            && !declared.mutable,
                        ..declared
                    }
                }
                Source::Arm(pat, _) => plain(pat),
                _ => return None,
            })
        }
    }
}
