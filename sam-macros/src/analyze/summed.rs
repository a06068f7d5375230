//! With `m`: the sums that may be over the samples of a chunk. The loss of a batch is the mean of its chunks' losses,
//! which is wrong for a sum.

use std::collections::HashSet;

use syn::{
    Expr, ExprMethodCall, Local,
    visit::{self, Visit},
};

use super::{chunked::names, path::Source};
use crate::{
    known::SUMMING,
    plan::{Line, NodeId, Trace, id_of},
    source::Uses,
};

/// The calls of `sum` in the slice whose receiver depends on the batch.
pub(super) fn sums<'a>(
    lines: impl Iterator<Item = (&'a Line, Source<'a>)>,
    traces: &[Trace],
) -> Vec<NodeId> {
    let kept = traces.iter().filter(|trace| trace.kept);
    let mut find = Find {
        inputs: kept.map(|trace| trace.node).collect(),
        of_batch: HashSet::new(),
        found: Vec::new(),
    };
    for (line, source) in lines {
        let cut = line.records.iter().filter(|record| record.split);
        let cut = cut.map(|record| record.place.root.to_string());
        find.of_batch.extend(cut);
        let is_of_batch = find.depends(|of| source.visit(of)) || find.uses(&source.uses(&[]));
        source.visit(&mut find);
        find.bind(line.binds.iter().map(ToString::to_string), is_of_batch);
    }
    find.found
}

struct Find {
    /// The sites where the batch comes in.
    inputs: HashSet<NodeId>,
    /// The names of what depends on it.
    of_batch: HashSet<String>,
    found: Vec<NodeId>,
}

impl Find {
    fn is_of_batch(&self, expr: &Expr) -> bool {
        self.depends(|of| of.visit_expr(expr)) || self.uses(&Uses::inside_expr(expr))
    }

    fn uses(&self, uses: &Uses<'_>) -> bool {
        self.of_batch.iter().any(|name| uses.mention(name))
    }

    /// Whether the batch comes in.
    fn depends<'a>(&'a self, visit: impl FnOnce(&mut ComesIn<'a>)) -> bool {
        let mut comes_in = ComesIn(&self.inputs, false);
        visit(&mut comes_in);
        comes_in.1
    }

    fn bind(&mut self, names: impl Iterator<Item = String>, is_of_batch: bool) {
        for name in names {
            if is_of_batch {
                self.of_batch.insert(name);
            } else {
                self.of_batch.remove(&name);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Find {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let is_sum = SUMMING.has(&call.method.to_string());
        if is_sum && call.args.is_empty() && self.is_of_batch(&call.receiver) {
            self.found.push(id_of(call));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init {
            let is_of_batch = self.is_of_batch(&init.expr);
            self.bind(names(&local.pat), is_of_batch);
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// Whether one of these sites is there.
struct ComesIn<'a>(&'a HashSet<NodeId>, bool);

impl<'ast> Visit<'ast> for ComesIn<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.1 |= self.0.contains(&id_of(call));
        visit::visit_expr_method_call(self, call);
    }
}
