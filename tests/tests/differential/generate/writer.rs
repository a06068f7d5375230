//! Writes a function statement by statement, and knows at each what may stand there.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Class,
    scope::{Ty, Var},
    step::Value,
};

/// Where in the function a statement goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// Before the loop.
    Before,
    /// In the loop, before the forward pass.
    Head,
    /// Between the forward pass and the loss.
    Slice,
    /// Where the loss is there.
    Loss,
    /// Between backward and update.
    After,
    /// After the update.
    Tail,
}

/// What the statements around have brought.
#[derive(Clone, Default)]
pub(super) struct Context {
    /// The names of the logits and of the loss, while they are there.
    pub(super) logits: Option<String>,
    pub(super) loss: Option<String>,
    /// The number of the batch.
    pub(super) index: Option<String>,
    pub(super) images: Option<Value>,
    pub(super) labels: Option<Value>,
    /// Whether there is `self.note(f32)`.
    pub(super) has_note: bool,
    /// The model where it can be evaluated, as a place.
    pub(super) evaluated: Option<String>,
    /// The loop that `continue` and `break` leave: whether there is one, and the names of those in scope.
    pub(super) in_loop: bool,
    pub(super) loops: Vec<String>,
    /// What must be said before an iteration is left, since the gradients have been moved.
    pub(super) restore: Option<String>,
    /// What an early return returns.
    pub(super) returned: String,
    pub(super) fallible: bool,
    /// Whether nothing may leave here: in a closure, at the end of the world.
    pub(super) sealed: bool,
}

pub(super) struct Writer {
    pub(super) rng: ChaCha8Rng,
    pub(super) class: Class,
    pub(super) at: At,
    pub(super) context: Context,
    /// Whether means are taken over chunks.
    pub(super) chunked: bool,
    /// Whether sums are taken in another order than without the attribute.
    pub(super) inexact: bool,
    /// Whether what is written makes the loss. By a number of the batch, a chunk's loss would be multiplied by
    /// that of the chunk: the mean of those is no loss of the batch's.
    pub(super) makes_loss: bool,
    pub(super) kinds: Vec<&'static str>,
    lines: Vec<String>,
    scopes: Vec<Vec<Var>>,
    names: usize,
}

impl Writer {
    pub(super) fn new(seed: u64, class: Class) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            class,
            at: At::Before,
            context: Context::default(),
            chunked: false,
            inexact: false,
            makes_loss: false,
            kinds: Vec::new(),
            lines: Vec::new(),
            scopes: vec![Vec::new()],
            names: 0,
        }
    }

    pub(super) fn breaking(&self) -> bool {
        self.class == Class::Breaking
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.gen_ratio(percent, 100)
    }

    /// True in so many of a hundred programs that are meant to break.
    pub(super) fn breaks(&mut self, percent: u32) -> bool {
        self.breaking() && self.chance(percent)
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from.choose(&mut self.rng)
            .expect("something to pick")
            .clone()
    }

    pub(super) fn kind(&mut self, kind: &'static str) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    /// A name that nothing else has.
    pub(super) fn fresh(&mut self, base: &str) -> String {
        self.names += 1;
        format!("{base}_{}", self.names)
    }

    /// A name for a variable of this type.
    pub(super) fn name_for(&mut self, ty: Ty) -> String {
        let base = self.pick(ty.base());
        let taken = |name: &str| {
            self.scopes
                .iter()
                .flatten()
                .any(|v| v.place.trim_start_matches('*') == name)
        };
        if taken(base) {
            self.fresh(base)
        } else {
            base.to_owned()
        }
    }

    pub(super) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Begins a block.
    pub(super) fn open(&mut self, line: impl Into<String>) {
        self.line(line);
        self.scopes.push(Vec::new());
    }

    /// Ends it.
    pub(super) fn close(&mut self, line: impl Into<String>) {
        self.leave_scope();
        self.line(line);
    }

    /// `} else {`.
    pub(super) fn reopen(&mut self, line: impl Into<String>) {
        self.leave_scope();
        self.open(line);
    }

    fn leave_scope(&mut self) {
        self.scopes.pop();
        let depth = self.scopes.len();
        for var in self.scopes.iter_mut().flatten() {
            if var.lent > Some(depth) {
                var.lent = None;
            }
        }
    }

    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Puts a variable in scope.
    pub(super) fn bring(&mut self, mut var: Var) {
        var.of_batch = matches!(self.at, At::Slice | At::Loss);
        self.scopes
            .last_mut()
            .expect("the function's scope")
            .push(var);
    }

    /// Writes a `let` of this type.
    pub(super) fn declare(&mut self, ty: Ty, initial: &str) -> String {
        let name = self.name_for(ty);
        let mutable = if ty.is_shared() { "" } else { "mut " };
        let annotation = match ty {
            Ty::Numbers | Ty::Lines | Ty::Table | Ty::Maybe => format!(": {}", ty.name()),
            _ => String::new(),
        };
        self.line(format!("let {mutable}{name}{annotation} = {initial};"));
        self.bring(Var::new(&name, ty, true));
        name
    }

    /// Everything of the outermost scope that is still there.
    pub(super) fn outermost(&self) -> Vec<Var> {
        self.scopes[0].clone()
    }

    /// A variable of this type that may be read.
    pub(super) fn read(&mut self, ty: Ty) -> Option<Var> {
        self.some(|var| var.ty == ty && var.lent.is_none())
    }

    /// A variable of this type that may be changed; for the rest of the statement it is this one's.
    pub(super) fn change(&mut self, ty: Ty) -> Option<Var> {
        let var = self.some(|var| var.ty == ty && var.mutable && var.lent.is_none())?;
        self.lend(&var.place, usize::MAX);
        Some(var)
    }

    /// Two of the same type.
    pub(super) fn change_two(&mut self, ty: Ty) -> Option<(Var, Var)> {
        let first = self.change(ty)?;
        let second = self.change(ty);
        if second.is_none() {
            self.end_statement();
        }
        Some((first, second?))
    }

    /// Borrows a variable until the current block ends.
    pub(super) fn lend_to_block(&mut self, place: &str) {
        let depth = self.scopes.len();
        self.lend(place, depth);
    }

    fn lend(&mut self, place: &str, depth: usize) {
        for var in self.scopes.iter_mut().flatten() {
            if var.place == place {
                var.lent = Some(depth);
            }
        }
    }

    /// Frees what the statement held.
    pub(super) fn end_statement(&mut self) {
        for var in self.scopes.iter_mut().flatten() {
            if var.lent == Some(usize::MAX) {
                var.lent = None;
            }
        }
    }

    /// Whether a field of `self` is borrowed.
    pub(super) fn lends_a_field(&self) -> bool {
        let vars = self.scopes.iter().flatten();
        vars.filter(|var| var.lent.is_some())
            .any(|var| var.receiver().starts_with("self."))
    }

    /// Takes a variable out of scope, as `drop` does, and frees what it borrowed.
    pub(super) fn remove(&mut self, place: &str) {
        for scope in &mut self.scopes {
            scope.retain(|var| var.place != place);
        }
    }

    /// The variables of this type that were declared in the current block.
    pub(super) fn local(&mut self, ty: Ty) -> Option<Var> {
        let scope = self.scopes.last().expect("the function's scope");
        let of: Vec<Var> = scope.iter().filter(|var| var.ty == ty).cloned().collect();
        (!of.is_empty()).then(|| self.pick(&of))
    }

    fn some(&mut self, fits: impl Fn(&Var) -> bool) -> Option<Var> {
        let all: Vec<Var> = self
            .scopes
            .iter()
            .flatten()
            .filter(|var| fits(var) && !(self.inexact && self.makes_loss && var.of_batch))
            .cloned()
            .collect();
        (!all.is_empty()).then(|| self.pick(&all))
    }
}
