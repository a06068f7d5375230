//! What the replay of a statement can leave out: inner statements that the loss does not depend on, such
//! as a `println!` or a counter in a block. They ran in the clean pass.

use syn::{
    Block, Expr, Pat, Stmt,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use crate::source::{How, Place, Use, Uses};

/// Methods that only look at what they are called on. A wrong entry would make a program that does not
/// compile, never one that does something else.
pub(super) const LOOKING: &[&str] = &[
    "array",
    "as_ref",
    "as_slice",
    "as_str",
    "as_vec",
    "borrow",
    "clone",
    "contains",
    "device",
    "first",
    "forward",
    "get",
    "get_or_default",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "last",
    "len",
    "read",
    "shape",
    "to_owned",
    "to_vec",
    "try_forward",
];

/// Macros that only print, or only check.
const PRINTING: &[&str] = &[
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
    "print",
    "println",
    "trace",
    "warn",
];

/// Whether a macro of this name only prints, or only checks.
pub(super) fn only_prints(name: &proc_macro2::Ident) -> bool {
    PRINTING.contains(&&*name.to_string())
}

/// The same line, less what neither it nor `needed` depends on.
pub(super) fn stmt(of: &Stmt, needed: &[Place]) -> Stmt {
    pruned(
        of,
        needed,
        |prune, stmt| visit_mut::visit_stmt_mut(prune, stmt),
        Uses::inside_stmt,
    )
}

/// See [`stmt`].
pub(super) fn expr(of: &Expr, needed: &[Place]) -> Expr {
    pruned(
        of,
        needed,
        |prune, expr| prune.visit_expr_mut(expr),
        Uses::inside_expr,
    )
}

fn pruned<T: Clone>(
    of: &T,
    needed: &[Place],
    mut prune_in: impl FnMut(&mut Prune<'_>, &mut T),
    uses: impl Fn(&T) -> Uses<'static>,
) -> T {
    let mut needed = needed.to_vec();
    loop {
        let mut out = of.clone();
        prune_in(&mut Prune { needed: &needed }, &mut out);
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

struct Prune<'a> {
    needed: &'a [Place],
}

impl Prune<'_> {
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
                !is_ignored || is_needed || leaves(stmt)
            }
            Stmt::Macro(call) => {
                let name = call.mac.path.segments.last();
                let only_prints = name.is_some_and(|name| only_prints(&name.ident));
                !only_prints || (is_tail && call.semi_token.is_none())
            }
            Stmt::Expr(_, None) if is_tail => true,
            Stmt::Expr(expr, _) => self.is_changed_by(expr) || leaves(stmt) || has_macro(expr),
        }
    }

    fn is_changed_by(&self, expr: &Expr) -> bool {
        Uses::of_expr(expr, &[])
            .all
            .iter()
            .any(|u| may_change(u) && self.needed.iter().any(|place| place.overlaps(&u.place)))
    }
}

/// Whether this may change the place.
pub(super) fn may_change(u: &Use) -> bool {
    match &u.how {
        How::Set | How::Assign | How::AssignThrough | How::BorrowMut | How::Macro => true,
        How::Receiver(method) => !LOOKING.contains(&method.as_str()),
        How::Value | How::Borrow | How::Index | How::Call => false,
    }
}

/// `f` of `span.in_scope(|| ..)`, which is there for whoever watches.
fn in_scope(expr: &Expr) -> Option<&Expr> {
    let Expr::MethodCall(call) = expr else {
        return None;
    };
    match (call.args.first(), call.args.len()) {
        (Some(closure @ Expr::Closure(f)), 1)
            if call.method == "in_scope" && f.inputs.is_empty() =>
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
        visit_mut::visit_expr_mut(self, expr);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        let last = block.stmts.len().wrapping_sub(1);
        let mut i = 0;
        block.stmts.retain(|stmt| {
            let keeps = self.keeps(stmt, i == last);
            i += 1;
            keeps
        });
        visit_mut::visit_block_mut(self, block);
    }
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
    loops: usize,
    found: bool,
}

impl<'ast> Visit<'ast> for Leaves {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Return(_) | Expr::Try(_) => self.found = true,
            Expr::Break(leave) => self.found |= self.loops == 0 || leave.label.is_some(),
            Expr::Continue(leave) => self.found |= self.loops == 0 || leave.label.is_some(),
            Expr::Loop(_) | Expr::While(_) | Expr::ForLoop(_) => {
                self.loops += 1;
                visit::visit_expr(self, expr);
                self.loops -= 1;
            }
            Expr::Closure(_) | Expr::Async(_) => {}
            _ => visit::visit_expr(self, expr),
        }
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

struct UnknownMacro(bool);

impl<'ast> Visit<'ast> for UnknownMacro {
    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let name = mac.path.segments.last().map(|name| name.ident.to_string());
        let is_known = name.is_some_and(|name| {
            PRINTING.contains(&&*name) || matches!(&*name, "vec" | "write" | "writeln" | "matches")
        });
        self.0 |= !is_known;
    }
}
