//! What the replay of a statement can leave out: inner statements that the loss does not depend on, such
//! as a `println!` or a counter in a block. They ran in the clean pass. A block that leaves the loop keeps what
//! it assigns: the clean pass did not come there.
//!
//! What is left out must change nothing that is left in. A statement is left in where it may change, by a name
//! or by a reference that it is handed, something that the rest uses, or something that is bound in the line
//! itself, which may refer to anything.

use std::collections::HashSet;

use syn::{
    Block, Expr, Pat, Stmt,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use crate::{
    known::{COMPUTING, LOGGING, PRINTING, READING, SCOPING, WRITING},
    plan::Replay,
    source::{Around, How, Place, Use, Uses, assigns, exprs_in},
};

/// Whether a macro only prints, or only checks: one of a logging crate has a text.
pub(super) fn only_prints(mac: &syn::Macro) -> bool {
    PRINTING.has_path(&mac.path) || (LOGGING.has_path(&mac.path) && has_text(&mac.tokens))
}

fn has_text(tokens: &proc_macro2::TokenStream) -> bool {
    let is_text = |token: proc_macro2::TokenTree| match token {
        proc_macro2::TokenTree::Literal(literal) => literal.to_string().starts_with('"'),
        _ => false,
    };
    tokens.clone().into_iter().any(is_text)
}

impl Replay {
    /// The same line, less what neither it nor `needed` depends on.
    pub(super) fn pruned(self, needed: &[Place]) -> Self {
        let mut bound = Bound::default();
        match &self {
            Self::Stmt(stmt) => bound.visit_stmt(stmt),
            Self::Arm(_, expr) | Self::Loss(expr) => bound.visit_expr(expr),
        }
        let bound = &bound.0;
        let expr = |of: Box<Expr>| {
            let prune_in = |prune: &mut Prune<'_>, expr: &mut Expr| prune.visit_expr_mut(expr);
            Box::new(pruned(&*of, needed, prune_in, Uses::inside_expr, bound))
        };
        let stmt = |of: Box<Stmt>| {
            let prune_in =
                |prune: &mut Prune<'_>, stmt: &mut Stmt| visit_mut::visit_stmt_mut(prune, stmt);
            Box::new(pruned(&*of, needed, prune_in, Uses::inside_stmt, bound))
        };
        match self {
            Self::Stmt(of) => Self::Stmt(stmt(of)),
            Self::Arm(pat, of) => Self::Arm(pat, expr(of)),
            Self::Loss(of) => Self::Loss(expr(of)),
        }
    }

    /// What it uses from outside.
    pub(super) fn uses(&self) -> Vec<Use> {
        match self {
            Self::Stmt(stmt) => Uses::of_stmt(stmt, &[]).all,
            Self::Arm(_, expr) | Self::Loss(expr) => Uses::of_expr(expr, &[]).all,
        }
    }

    /// Whether it may leave the loop or the function.
    pub(super) fn leaves(&self) -> bool {
        match self {
            Self::Stmt(stmt) => leaves(stmt),
            Self::Arm(_, expr) | Self::Loss(expr) => expr_leaves(expr),
        }
    }
}

fn pruned<T: Clone>(
    of: &T,
    needed: &[Place],
    mut prune_in: impl FnMut(&mut Prune<'_>, &mut T),
    uses: impl Fn(&T) -> Uses<'static>,
    bound: &HashSet<String>,
) -> T {
    let mut needed = needed.to_vec();
    loop {
        let mut out = of.clone();
        prune_in(&mut Prune::new(&needed, bound), &mut out);
        // What is left may read what a statement that was left out changes: then that is needed too.
        let reads = uses(&out)
            .all
            .into_iter()
            .filter(|u| !matches!(u.how, How::Assign | How::Set));
        let new: Vec<Place> = reads
            .map(|u| u.place)
            .filter(|place| !needed.contains(place))
            .collect();
        if new.is_empty() {
            return out;
        }
        needed.extend(new);
    }
}

/// The names that are bound in a piece of source.
#[derive(Default)]
pub(super) struct Bound(pub(super) HashSet<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.0.insert(pat.ident.to_string());
        visit::visit_pat_ident(self, pat);
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

struct Prune<'a> {
    needed: &'a [Place],
    /// The names that are bound in the line.
    bound: &'a HashSet<String>,
    around: Around,
}

impl<'a> Prune<'a> {
    fn new(needed: &'a [Place], bound: &'a HashSet<String>) -> Self {
        Self {
            needed,
            bound,
            around: Around::default(),
        }
    }

    fn keeps(&self, stmt: &Stmt, is_tail: bool) -> bool {
        match stmt {
            Stmt::Item(_) => true,
            Stmt::Local(local) => {
                let is_ignored = match &local.pat {
                    Pat::Wild(_) => true,
                    Pat::Ident(pat) => pat.ident.to_string().starts_with('_'),
                    _ => false,
                };
                let names = crate::source::bound_by_stmt(stmt);
                let is_needed = names
                    .iter()
                    .any(|name| self.needed.iter().any(|p| p.root == *name));
                let init = local.init.as_ref();
                let changes = init.is_some_and(|init| self.changes(&init.expr));
                !is_ignored || is_needed || changes || leaves(stmt)
            }
            Stmt::Macro(call) => {
                let is_value = is_tail && call.semi_token.is_none();
                !only_prints(&call.mac) || is_value || self.changes_in(Uses::inside_stmt(stmt))
            }
            Stmt::Expr(_, None) if is_tail => true,
            Stmt::Expr(expr, _) => {
                let is_assigned = self.around.is_leaving() && assigns(expr);
                is_assigned || self.changes(expr) || leaves(stmt) || has_macro(expr)
            }
        }
    }

    fn changes(&self, expr: &Expr) -> bool {
        // `log(&loss)` only shows a variable of the line's own.
        let may_change = |place: &Place, by_reference: bool| {
            self.is_needed(place) || (!by_reference && self.is_bound(place))
        };
        let mut handed = HandedOver::new(&may_change);
        handed.visit_expr(expr);
        handed.found || self.changes_in(Uses::inside_expr(expr))
    }

    fn changes_in(&self, uses: Uses<'_>) -> bool {
        let may = |u: &Use| may_change(u) || u.how == How::Call;
        uses.all.iter().any(|u| may(u) && self.is_used(&u.place))
    }

    /// Whether the rest may use the place, or what is behind it.
    fn is_used(&self, place: &Place) -> bool {
        self.is_bound(place) || self.is_needed(place)
    }

    fn is_bound(&self, place: &Place) -> bool {
        self.bound.contains(&place.root.to_string())
    }

    fn is_needed(&self, place: &Place) -> bool {
        let is_bound = self.is_bound(place);
        !is_bound && self.needed.iter().any(|needed| needed.overlaps(place))
    }
}

/// Looks for calls that are handed certain places, as in `skip(rng)`, `tick(&schedule)`, `drop(guard)`: they may
/// change them, or what is behind them. A method of another place only reads its arguments:
/// `losses.push(value)`.
pub(super) struct HandedOver<'f> {
    /// Whether this place counts, which may depend on whether it is handed over by `&`.
    is_meant: &'f dyn Fn(&Place, bool) -> bool,
    pub(super) found: bool,
}

impl<'f> HandedOver<'f> {
    pub(super) fn new(is_meant: &'f dyn Fn(&Place, bool) -> bool) -> Self {
        Self {
            is_meant,
            found: false,
        }
    }
}

impl<'ast> Visit<'ast> for HandedOver<'_> {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let mut handed = call.args.iter().filter_map(|arg| match arg {
            Expr::Reference(reference) => {
                let is_shared = reference.mutability.is_none();
                Some((Place::of_expr(&reference.expr)?, is_shared))
            }
            other => Some((Place::of_expr(other)?, false)),
        });
        self.found |= handed.any(|(place, is_shared)| (self.is_meant)(&place, is_shared));
        visit::visit_expr_call(self, call);
    }
}

/// Whether this may change the place.
pub(super) fn may_change(u: &Use) -> bool {
    match &u.how {
        How::Set | How::Assign | How::AssignThrough | How::BorrowMut | How::Macro => true,
        How::Receiver(method) => !READING.has(method),
        How::Value | How::Borrow | How::Index | How::Call => false,
    }
}

/// `f` of `span.in_scope(f)`: the span is there for tracing only.
fn in_scope(expr: &Expr) -> Option<&Expr> {
    let Expr::MethodCall(call) = expr else {
        return None;
    };
    match (call.args.first(), call.args.len()) {
        (Some(closure @ Expr::Closure(f)), 1)
            if SCOPING.has(&call.method.to_string()) && f.inputs.is_empty() =>
        {
            Some(closure)
        }
        _ => None,
    }
}

impl VisitMut for Prune<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Some(closure) = in_scope(expr) {
            *expr = syn::parse_quote!((#closure)());
        }
        self.around.enter(expr);
        visit_mut::visit_expr_mut(self, expr);
        self.around.exit(expr);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        let was_leaving = self.around.enter_block(block);
        for stmt in &mut block.stmts {
            if let Stmt::Macro(call) = stmt
                && only_prints(&call.mac)
                && call.semi_token.is_some()
                && self.keeps(&Stmt::Macro(call.clone()), false)
            {
                *stmt = without_printing(&call.mac);
            }
        }
        let last = block.stmts.len().wrapping_sub(1);
        let mut i = 0;
        block.stmts.retain(|stmt| {
            let keeps = self.keeps(stmt, i == last);
            i += 1;
            keeps
        });
        visit_mut::visit_block_mut(self, block);
        self.around.exit_block(was_leaving);
    }
}

/// The arguments of a macro that prints, without printing.
fn without_printing(mac: &syn::Macro) -> Stmt {
    let pieces = exprs_in(&mac.tokens).unwrap_or_default();
    let arguments = pieces.iter().map(|(piece, _)| match piece {
        Expr::Assign(named) => &*named.right,
        other => other,
    });
    syn::parse_quote!({ #(let _ = &(#arguments);)* })
}

/// Whether the statement may leave what surrounds it.
pub(super) fn leaves(stmt: &Stmt) -> bool {
    let mut find = Leaves::default();
    find.visit_stmt(stmt);
    find.found
}

/// See [`leaves`].
pub(super) fn expr_leaves(expr: &Expr) -> bool {
    let mut find = Leaves::default();
    find.visit_expr(expr);
    find.found
}

#[derive(Default)]
struct Leaves {
    around: Around,
    found: bool,
}

impl<'ast> Visit<'ast> for Leaves {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        self.found |= self.around.may_leave(expr);
        self.around.enter(expr);
        visit::visit_expr(self, expr);
        self.around.exit(expr);
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// Whether there is a macro that may hold anything, even a `continue`.
pub(crate) fn has_unknown_macro(stmt: &Stmt) -> bool {
    let mut find = UnknownMacro(false);
    find.visit_stmt(stmt);
    find.0
}

fn has_macro(expr: &Expr) -> bool {
    let mut find = UnknownMacro(false);
    find.visit_expr(expr);
    find.0
}

/// Whether a macro may hold anything.
pub(super) fn may_hide(mac: &syn::Macro) -> bool {
    let path = &mac.path;
    !(only_prints(mac) || COMPUTING.has_path(path) || WRITING.has_path(path))
}

struct UnknownMacro(bool);

impl<'ast> Visit<'ast> for UnknownMacro {
    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.0 |= may_hide(mac);
    }
}
