//! What the replay of a statement can leave out: inner statements that the loss does not depend on, such
//! as a `println!` or a counter in a block. They ran in the clean pass. A block that leaves the loop keeps what
//! it assigns: the clean pass did not come there.

use syn::{
    Block, Expr, Pat, Stmt,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use crate::{
    plan::Replay,
    source::{Around, How, Place, Use, Uses, assigns},
};

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

impl Replay {
    /// The same line, less what neither it nor `needed` depends on.
    pub(super) fn pruned(self, needed: &[Place]) -> Self {
        let expr = |of: Box<Expr>| {
            let prune_in = |prune: &mut Prune<'_>, expr: &mut Expr| prune.visit_expr_mut(expr);
            Box::new(pruned(&*of, needed, prune_in, Uses::inside_expr))
        };
        let stmt = |of: Box<Stmt>| {
            let prune_in =
                |prune: &mut Prune<'_>, stmt: &mut Stmt| visit_mut::visit_stmt_mut(prune, stmt);
            Box::new(pruned(&*of, needed, prune_in, Uses::inside_stmt))
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
        let mut find = Leaves::default();
        match self {
            Self::Stmt(stmt) => find.visit_stmt(stmt),
            Self::Arm(_, expr) | Self::Loss(expr) => find.visit_expr(expr),
        }
        find.found
    }
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
        prune_in(&mut Prune::new(&needed), &mut out);
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
    around: Around,
    is_leaving: bool,
}

impl<'a> Prune<'a> {
    fn new(needed: &'a [Place]) -> Self {
        Self {
            needed,
            around: Around::default(),
            is_leaving: false,
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
                !is_ignored || is_needed || leaves(stmt)
            }
            Stmt::Macro(call) => {
                let name = call.mac.path.segments.last();
                let only_prints = name.is_some_and(|name| only_prints(&name.ident));
                !only_prints || (is_tail && call.semi_token.is_none())
            }
            Stmt::Expr(_, None) if is_tail => true,
            Stmt::Expr(expr, _) => {
                let is_assigned = self.is_leaving && assigns(expr);
                is_assigned || self.is_changed_by(expr) || leaves(stmt) || has_macro(expr)
            }
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
        self.around.enter(expr);
        visit_mut::visit_expr_mut(self, expr);
        self.around.exit(expr);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        let was_leaving = self.is_leaving;
        self.is_leaving |= self.around.is_left_by(block);
        let last = block.stmts.len().wrapping_sub(1);
        let mut i = 0;
        block.stmts.retain(|stmt| {
            let keeps = self.keeps(stmt, i == last);
            i += 1;
            keeps
        });
        visit_mut::visit_block_mut(self, block);
        self.is_leaving = was_leaving;
    }
}

/// Whether the statement may leave what surrounds it.
fn leaves(stmt: &Stmt) -> bool {
    let mut find = Leaves::default();
    find.visit_stmt(stmt);
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
