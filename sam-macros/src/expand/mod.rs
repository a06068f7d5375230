//! Writes the two-pass step in place of the region.
//!
//! | file | what |
//! |---|---|
//! | `sites` | takes the sites out of the user's statements |
//! | `passes` | the loop over the passes |
//! | `chunks` | its beginning, and the cutting of the batch |
//! | `seen` | what the observers see |

mod chunks;
mod passes;
mod seen;
mod sites;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Block, Expr, Generics, Ident, ItemFn, Label, Stmt, Type, TypeParamBound, WherePredicate,
    visit_mut::{self, VisitMut},
};

use crate::{
    args::Args,
    hygiene::{Names, local},
    model::{NodeId, Plan, Role, id_of},
    tokens::{self, Rule},
};

/// Adds `Clone` to the bounds of a type parameter, where it has others: clippy refuses bounds in two places.
fn bound_by_clone(generics: &mut Generics, name: &Ident) {
    let clone: TypeParamBound = syn::parse_quote!(::core::clone::Clone);
    let clause = generics.where_clause.as_mut();
    let predicates = clause.into_iter().flat_map(|clause| &mut clause.predicates);
    let mut of_it = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => {
            let Type::Path(path) = &predicate.bounded_ty else {
                return None;
            };
            (path.path.is_ident(name)).then_some(&mut predicate.bounds)
        }
        _ => None,
    });
    if let Some(bounds) = of_it.next() {
        bounds.push(clone);
        return;
    }
    for param in generics.type_params_mut() {
        if param.ident == *name {
            param.bounds.push(clone.clone());
        }
    }
}

/// Rewrites `item` as `plan` says.
pub(crate) fn train_fn(item: &mut ItemFn, plan: Plan, args: &Args) {
    for name in &plan.cloned_types {
        bound_by_clone(&mut item.sig.generics, name);
    }
    // Each pass copies what the batch holds, so clippy thinks that borrowed batches would do.
    item.attrs.push(syn::parse_quote! {
        #[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
    });
    let names = Names::new(&args.krate);
    let label = plan.in_loop.as_ref().map(|found| match &found.label {
        Some(label) => label.clone(),
        None => syn::Lifetime::new("'__sam_batches", proc_macro2::Span::mixed_site()),
    });
    let mut rewrite = Rewrite {
        plan: &plan,
        args,
        names,
        label,
        needs_label: false,
    };
    rewrite.visit_block_mut(&mut item.block);
    if let (true, Some(found)) = (rewrite.needs_label, &plan.in_loop) {
        let name = rewrite.label.clone().expect("a label was used");
        AddLabel { id: found.id, name }.visit_block_mut(&mut item.block);
    }
}

struct Rewrite<'a> {
    plan: &'a Plan,
    args: &'a Args,
    names: Names,
    label: Option<syn::Lifetime>,
    needs_label: bool,
}

impl VisitMut for Rewrite<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        if id_of(block) == self.plan.block {
            self.block(block);
        } else {
            visit_mut::visit_block_mut(self, block);
        }
    }
}

impl Rewrite<'_> {
    // Input:  { prologue; forward; observers; backward; epilogue }
    // Output: { prologue; passes; observers; backward with the SAM gradient; epilogue }
    fn block(&mut self, block: &mut Block) {
        let (first, last) = (*self.plan.region.start(), *self.plan.region.end());
        let taken = sites::take(&mut block.stmts[first..=last], self.plan, &self.names);
        let mut loss = taken.loss;
        if let Some(label) = &self.label {
            let mut relabel = sites::Relabel {
                label,
                depth: 0,
                found: false,
            };
            for (stmt, role) in block.stmts[first..last].iter_mut().zip(&self.plan.roles) {
                if *role == Role::Slice {
                    relabel.visit_stmt_mut(stmt);
                }
            }
            relabel.visit_expr_mut(&mut loss);
            self.needs_label = relabel.found;
        }
        let mut out = TokenStream::new();
        for (stmt, _) in self.of_role(block, Role::Item) {
            stmt.to_tokens(&mut out);
        }
        let once: Vec<&Stmt> = self
            .of_role(block, Role::Batch)
            .map(|(stmt, _)| stmt)
            .collect();
        let declared: TokenStream = self
            .plan
            .declared
            .iter()
            .map(|&i| block.stmts[i].to_token_stream())
            .collect();
        let slice = passes::Slice {
            plan: self.plan,
            args: self.args,
            names: &self.names,
            declared: &declared,
            once: &once,
            stmts: &block.stmts[first..last],
            loss: &loss,
            backward: &taken.backward,
        };
        out.extend(slice.run());
        out.extend(self.observers(block));
        for &i in &self.plan.declared {
            block.stmts[i] = Stmt::Expr(Expr::Verbatim(TokenStream::new()), None);
        }
        // What one statement of the user's became is several: it goes back as verbatim tokens.
        block
            .stmts
            .splice(first..=last, [Stmt::Expr(Expr::Verbatim(out), None)]);
    }

    fn of_role<'b>(&self, block: &'b Block, role: Role) -> impl Iterator<Item = (&'b Stmt, usize)> {
        let first = *self.plan.region.start();
        let wanted: Vec<usize> = (0..self.plan.roles.len())
            .filter(|&k| self.plan.roles[k] == role)
            .collect();
        wanted
            .into_iter()
            .map(move |k| (&block.stmts[first + k], k))
    }

    // Input:  total += loss.array();
    // Output: total += __sam_seen_0;
    //
    // Input:  let accuracy = accuracy(&logits, &y);
    // Output: let logits = __sam_seen_1; let accuracy = accuracy(&logits, &y);
    fn observers(&self, block: &Block) -> TokenStream {
        let mut out = TokenStream::new();
        for (stmt, k) in self.of_role(block, Role::Observer) {
            let (bindings, rules) = self.bring_back(k);
            out.extend(bindings);
            out.extend(tokens::replace(stmt.to_token_stream(), &rules));
        }
        let (bindings, rules) = self.bring_back(self.plan.roles.len());
        out.extend(bindings);
        let last = &block.stmts[*self.plan.region.end()];
        out.extend(tokens::replace(last.to_token_stream(), &rules));
        out
    }

    /// How the statement with this index finds what it reads of the slice.
    fn bring_back(&self, index: usize) -> (TokenStream, Vec<Rule>) {
        let mut bindings = TokenStream::new();
        let mut rules = Vec::new();
        for (slot, seen) in seen::slots(self.plan).filter(|(slot, _)| slot.stmt == index) {
            let value = self.names.seen(slot.index);
            let variable = &seen.variable;
            match slot.read {
                Some(method) => rules.push(Rule::read(&variable.to_string(), method, value)),
                None => bindings.extend(quote!(let #variable = #value;)),
            }
        }
        (bindings, rules)
    }
}

struct AddLabel {
    id: NodeId,
    name: syn::Lifetime,
}

impl AddLabel {
    fn label(&self) -> Option<Label> {
        Some(Label {
            name: self.name.clone(),
            colon_token: Default::default(),
        })
    }
}

impl VisitMut for AddLabel {
    fn visit_expr_for_loop_mut(&mut self, repeat: &mut syn::ExprForLoop) {
        if id_of(repeat) == self.id {
            repeat.label = self.label();
        } else {
            visit_mut::visit_expr_for_loop_mut(self, repeat);
        }
    }

    fn visit_expr_while_mut(&mut self, repeat: &mut syn::ExprWhile) {
        if id_of(repeat) == self.id {
            repeat.label = self.label();
        } else {
            visit_mut::visit_expr_while_mut(self, repeat);
        }
    }

    fn visit_expr_loop_mut(&mut self, repeat: &mut syn::ExprLoop) {
        if id_of(repeat) == self.id {
            repeat.label = self.label();
        } else {
            visit_mut::visit_expr_loop_mut(self, repeat);
        }
    }
}

/// An error of the step leaves the function, or panics.
pub(super) fn raise(plan: &Plan, names: &Names) -> TokenStream {
    let Names { rt, error, .. } = names;
    match &plan.raise {
        Some(ty) => quote! {
            return {
                use #rt::{RaiseByFrom as _, RaiseByPanic as _};
                (&&#rt::Returns::<#ty>::new()).__sam_raise(#error)
            }
        },
        None => quote!(#rt::panic(#error)),
    }
}

/// A copy of the model, and what the slice calls it.
pub(super) fn copy() -> proc_macro2::Ident {
    local("copy")
}
