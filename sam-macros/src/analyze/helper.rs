//! A function of the user's in which a tape begins.

use syn::{
    Expr,
    visit::{self, Visit},
};

use super::{
    changes::changed,
    path::{Path, Source, Step},
    slice::{Cut, calls_in},
};
use crate::{
    known::ALLOCATING,
    source::{Place, Use, Uses, has_ident},
};

impl<'a> Cut<'_, 'a> {
    /// The line of a function of the user's that traces: the first one that the loss depends on, that
    /// mentions the model and, if there is such a one, is handed the gradients.
    pub(super) fn helper(&self, lines: &[(usize, Source<'a>)]) -> Option<usize> {
        let first = || self.candidates(lines).first().map(|(step, _)| *step);
        self.handed_helper(lines).or_else(first)
    }

    /// The first such line that is handed the gradients.
    pub(super) fn handed_helper(&self, lines: &[(usize, Source<'a>)]) -> Option<usize> {
        let candidates = self.candidates(lines);
        let mut handed = candidates
            .iter()
            .filter(|(_, source)| self.gradient_argument(*source).is_some());
        handed.next().map(|(step, _)| *step)
    }

    /// The lines that the loss depends on and that mention the model.
    fn candidates(&self, lines: &[(usize, Source<'a>)]) -> Vec<(usize, Source<'a>)> {
        let last = lines.len() - 1;
        let mut needed = lines[last].1.uses(&[]).all;
        let mut candidates = Vec::new();
        let touches = |uses: &[Use]| uses.iter().any(|u| u.place.overlaps(self.model));
        if touches(&needed) {
            candidates.push((lines[last].0, lines[last].1));
        }
        for (step, source) in lines[..last].iter().rev() {
            let is_barrier = calls_in(*source)
                .iter()
                .any(|id| self.barriers.contains(id));
            let uses = source.uses(&[]);
            let binds = source.binds();
            let changes = changed(*source, &uses, &[], false);
            let defines = needed.iter().any(|u| binds.contains(&u.place.root))
                || changes
                    .iter()
                    .any(|c| needed.iter().any(|u| u.place.overlaps(c)));
            if !defines || is_barrier {
                continue;
            }
            if touches(&uses.all) && !self.path.loop_between(*step, lines[last].0) {
                candidates.push((*step, *source));
            }
            needed.retain(|u| !binds.contains(&u.place.root));
            needed.extend(uses.all);
        }
        candidates.reverse();
        candidates
    }

    /// The argument of a call that is the gradients to begin from.
    pub(super) fn gradient_argument(&self, source: Source<'a>) -> Option<&'a Expr> {
        let mut find = FindArgument {
            gradients: self.gradients.as_ref(),
            path: self.path,
            found: None,
        };
        source.visit(&mut find);
        find.found
    }
}

/// Looks for an argument that is gradients.
struct FindArgument<'g, 'p, 'a> {
    gradients: Option<&'g Place>,
    path: &'p Path<'a>,
    found: Option<&'a Expr>,
}

impl<'a> FindArgument<'_, '_, 'a> {
    fn args(&mut self, mut args: impl Iterator<Item = &'a Expr>) {
        self.found = self
            .found
            .or_else(|| args.find(|arg| self.is_gradients(arg)));
    }

    fn is_gradients(&self, arg: &Expr) -> bool {
        let inner = match arg {
            Expr::MethodCall(call) if ALLOCATING.has(&call.method.to_string()) => return true,
            Expr::MethodCall(call) if call.method == "clone" => &*call.receiver,
            other => other,
        };
        Place::of_expr(inner)
            .is_some_and(|place| Some(&place) == self.gradients || self.holds_gradients(&place))
    }

    /// Whether a variable is bound to gradients: `let start = grads.take().unwrap_or_else(..);`
    fn holds_gradients(&self, place: &Place) -> bool {
        let steps = self.path.steps.len();
        let Some(declared) = self.path.declared(&place.root, steps) else {
            return false;
        };
        let is_bound_to = match &self.path.steps[declared.step] {
            Step::Param(_, ty) => has_ident(ty, "Gradients"),
            Step::Line(line) => line.source.init().is_some_and(|init| {
                let is_of = |kept| Uses::of_expr(init, &[]).touch(kept);
                self.gradients.is_some_and(is_of)
                    || ALLOCATING.iter().any(|method| has_ident(init, method))
            }),
            _ => false,
        };
        place.is_variable() && is_bound_to
    }
}

impl<'a> Visit<'a> for FindArgument<'_, '_, 'a> {
    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        self.args(call.args.iter());
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.args(call.args.iter());
        visit::visit_expr_method_call(self, call);
    }
}
