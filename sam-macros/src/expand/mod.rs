//! Writes the step around the user's own code, which stays where it is.
//!
//! | file | what |
//! |---|---|
//! | `clean` | the clean pass: what is recorded before a line, and the sites |
//! | `replay` | the slice once more, on what was recorded |
//! | `chunks` | both, over the chunks of a batch |
//! | `label` | leaving the user's loop from inside a loop of ours |

mod chunks;
mod clean;
mod label;
mod replay;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Block, Expr, Generics, ItemFn, Stmt, Type, TypeParamBound, WherePredicate,
    visit_mut::{self, VisitMut},
};

use self::clean::Step;
use crate::{
    args::Args,
    hygiene::Names,
    plan::{At, NodeId, Plan, Region, id_of},
};

/// A batch in one piece, or in chunks of `m`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    Whole,
    Chunks,
}

/// Whose variables a line uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    /// The user's own: in the clean pass, with `m` in that of the first chunk.
    Own,
    /// Copies of what they were when the line ran.
    Copied,
}

/// Rewrites `item` as `plan` says. Where the radius may be 0 and the batch is cut, `whole` is the same
/// function for a radius of 0: the base optimizer's step, on the whole batch.
pub(crate) fn train_fn(item: &mut ItemFn, plan: &Plan, args: &Args, whole: Option<(ItemFn, Plan)>) {
    let has_other = whole.is_some();
    let others = whole.map(|(mut item, plan)| {
        let mut rewrite = Rewrite::new(&plan, args, Batch::Whole, true);
        rewrite.visit_block_mut(&mut item.block);
        rewrite.rests
    });
    for name in &plan.cloned_types {
        bound_by_clone(&mut item.sig.generics, name);
    }
    // The replay copies what the batch holds, so clippy thinks that borrowed batches would do.
    item.attrs.push(syn::parse_quote! {
        #[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
    });
    let batch = if args.is_in_chunks() {
        Batch::Chunks
    } else {
        Batch::Whole
    };
    let mut rewrite = Rewrite::new(plan, args, batch, has_other);
    rewrite.others = others.unwrap_or_default();
    rewrite.visit_block_mut(&mut item.block);
}

/// Adds `Clone` to the bounds of a type parameter, where it has others: clippy refuses bounds in two places.
fn bound_by_clone(generics: &mut Generics, name: &TokenStream) {
    let clone: TypeParamBound = syn::parse_quote!(::core::clone::Clone);
    let named = |ty: &Type| ty.to_token_stream().to_string() == name.to_string();
    let clause = generics.where_clause.as_mut();
    let predicates = clause.into_iter().flat_map(|clause| &mut clause.predicates);
    let mut of_it = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) if named(&predicate.bounded_ty) => {
            Some(&mut predicate.bounds)
        }
        _ => None,
    });
    if let Some(bounds) = of_it.next() {
        bounds.push(clone);
        return;
    }
    let mut params = generics.type_params_mut();
    match params.find(|param| param.ident == name.to_string()) {
        Some(param) => param.bounds.push(clone),
        None => {
            let predicate = syn::parse_quote!(#name: #clone);
            generics.make_where_clause().predicates.push(predicate);
        }
    }
}

struct Rewrite<'a> {
    steps: Vec<Step<'a>>,
    /// Loops that need a name.
    labels: Vec<(NodeId, syn::Lifetime)>,
    /// What follows the beginning of each step in its block.
    rests: HashMap<usize, TokenStream>,
    /// The same, written for a radius of 0.
    others: HashMap<usize, TokenStream>,
}

impl<'a> Rewrite<'a> {
    fn new(plan: &'a Plan, args: &'a Args, batch: Batch, is_alternative: bool) -> Self {
        let step = |region: &'a Region| Step {
            region,
            args,
            names: Names::new(&args.krate, region.index),
            batch,
            is_alternative,
            is_replay: Cell::new(false),
            hoists: RefCell::default(),
            deferred: RefCell::default(),
        };
        Self {
            steps: plan.regions.iter().map(step).collect(),
            labels: Vec::new(),
            rests: HashMap::new(),
            others: HashMap::new(),
        }
    }

    /// Both ways to go on from the beginning of a step.
    fn choose(&mut self, stmts: &mut Vec<Stmt>, begun: &[(usize, usize)]) {
        for (step, at) in begun.iter().rev() {
            let rest = stmts.split_off(*at);
            let rest = quote!(#(#rest)*);
            let step = &self.steps[*step];
            let index = step.region.index;
            let (rho, evaluated) = (&step.names.rho, step.rho());
            stmts.push(match self.others.remove(&index) {
                Some(other) => {
                    verbatim(quote!(#evaluated if #rho == 0.0 { #other } else { #rest }))
                }
                // As a part of what follows the beginning of an earlier step.
                None => verbatim(quote!(#evaluated #rest)),
            });
            self.rests.insert(index, rest);
        }
    }
}

impl VisitMut for Rewrite<'_> {
    // Input:  { ..; let logits = ..; ..; grads = loss.backward(); .. }
    // Output: { ..; records; let logits = ..; ..; grads = { replay }; .. }
    fn visit_block_mut(&mut self, block: &mut Block) {
        let id = id_of(block);
        for (i, stmt) in block.stmts.iter().enumerate() {
            let at = At { block: id, stmt: i };
            self.steps.iter().for_each(|step| step.defer(at, stmt));
        }
        for stmt in &mut block.stmts {
            self.visit_stmt_mut(stmt);
        }
        let stmts = std::mem::take(&mut block.stmts);
        let mut begun = Vec::new();
        for (i, stmt) in stmts.into_iter().enumerate() {
            let at = At { block: id, stmt: i };
            let mut own = Some(stmt);
            for (index, step) in self.steps.iter().enumerate() {
                let lines = step.lines_at(at);
                let Some((first, _)) = lines.first() else {
                    continue;
                };
                if *first == 0 && step.is_alternative {
                    begun.push((index, block.stmts.len()));
                }
                block.stmts.push(verbatim(step.before(&lines)));
                if step.batch == Batch::Chunks
                    && let Some(stmt) = own.take()
                {
                    let (tokens, label) = step.chunked(&lines, &stmt);
                    match tokens {
                        Some(tokens) => block.stmts.push(verbatim(tokens)),
                        None => own = Some(stmt),
                    }
                    self.labels.extend(label);
                }
            }
            block.stmts.extend(own);
        }
        self.choose(&mut block.stmts, &begun);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let id = id_of(expr);
        visit_mut::visit_expr_mut(self, expr);
        // Before the loop is moved: a node is named by where it is.
        label::add(expr, &self.labels);
        for step in &self.steps {
            if let Some(tokens) = step.argument(id, expr) {
                *expr = Expr::Verbatim(tokens);
                return;
            }
            let Expr::MethodCall(call) = expr else {
                continue;
            };
            if id_of(call) == step.region.backward.call {
                let (mut tokens, label) = step.backward(call);
                self.labels.extend(label);
                // The whole step is in this expression.
                if step.is_alternative && step.region.lines.len() == 1 {
                    let index = step.region.index;
                    let (rho, evaluated) = (&step.names.rho, step.rho());
                    let other = self.others.remove(&index);
                    self.rests.insert(index, tokens.clone());
                    tokens = match other {
                        Some(other) => quote!({ #evaluated if #rho == 0.0 #other else #tokens }),
                        None => quote!({ #evaluated #tokens }),
                    };
                }
                *expr = Expr::Verbatim(tokens);
                return;
            }
            if let Some(tokens) = step.bounded_update(call) {
                *expr = Expr::Verbatim(tokens);
                return;
            }
            if let Some(tokens) = step.sum(call) {
                *expr = Expr::Verbatim(tokens);
                return;
            }
            if let Some(tokens) = step.site(call) {
                *expr = Expr::Verbatim(tokens);
                return;
            }
        }
    }
}

fn verbatim(tokens: TokenStream) -> Stmt {
    Stmt::Expr(Expr::Verbatim(tokens), None)
}

/// An error of the step leaves the function, or panics.
fn raise(step: &Step<'_>) -> TokenStream {
    let Names { rt, error, .. } = &step.names;
    match &step.region.raise {
        Some(ty) if !step.region.backward.in_closure => quote! {
            return {
                use #rt::{RaiseByFrom as _, RaiseByPanic as _};
                (&&#rt::Returns::<#ty>::new()).__sam_raise(#error)
            }
        },
        _ => quote!(#rt::panic(#error)),
    }
}
