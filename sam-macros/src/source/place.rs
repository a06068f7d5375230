//! Variables and fields.

use std::fmt;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Member, UnOp};

/// A variable, or a field of one: `x`, `self.net`, `batch.0`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) root: Ident,
    pub(crate) members: Vec<Member>,
}

impl Place {
    pub(crate) fn of_variable(root: &Ident) -> Self {
        Self {
            root: root.clone(),
            members: Vec::new(),
        }
    }

    /// The place that `expr` is, if it is nothing else.
    pub(crate) fn of_expr(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Path(path) if path.qself.is_none() => {
                Some(Self::of_variable(path.path.get_ident()?))
            }
            Expr::Paren(inner) => Self::of_expr(&inner.expr),
            Expr::Group(inner) => Self::of_expr(&inner.expr),
            Expr::Field(field) => {
                let mut base = Self::of_expr(&field.base)?;
                base.members.push(field.member.clone());
                Some(base)
            }
            _ => None,
        }
    }

    /// The place behind the `*`s and `(..)` of `expr`, and whether there was a `*`.
    pub(crate) fn behind(expr: &Expr) -> Option<(Self, bool)> {
        match expr {
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                Some((Self::behind(&unary.expr)?.0, true))
            }
            Expr::Paren(inner) => Self::behind(&inner.expr),
            Expr::Group(inner) => Self::behind(&inner.expr),
            other => Some((Self::of_expr(other)?, false)),
        }
    }

    pub(crate) fn is_variable(&self) -> bool {
        self.members.is_empty() && self.root != "self"
    }

    /// Whether `other` is this place or a part of it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.root == other.root
            && self.members.len() <= other.members.len()
            && self.members.iter().zip(&other.members).all(|(a, b)| a == b)
    }

    /// Whether one is part of the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.members.len() == other.members.len() && self.contains(other)
    }
}

impl ToTokens for Place {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { root, members } = self;
        tokens.extend(quote!(#root #(. #members)*));
    }
}

/// As a user writes it: `self.net`, not `self . net`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root)?;
        for member in &self.members {
            match member {
                Member::Named(name) => write!(f, ".{name}")?,
                Member::Unnamed(index) => write!(f, ".{}", index.index)?,
            }
        }
        Ok(())
    }
}
