//! The slice over the chunks of a batch: each line is evaluated for every chunk before the next one runs.
//!
//! | file | what |
//! |---|---|
//! | `cut` | the batch is cut |
//! | `sites` | the inputs of the chunks |
//! | `values` | what a line gets for one chunk |
//! | `backward` | each chunk's gradient and replay |
//! | `at_once` | the same on several threads |

mod at_once;
mod backward;
mod cut;
mod sites;
mod values;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Block, Lifetime, Macro, Stmt, spanned::Spanned, visit::Visit, visit_mut::VisitMut};

use super::{Variables, clean::Step, label::Relabel, raise, replay::is_own};
use crate::{
    analyze::has_unknown_macro,
    hygiene::{Names, respan, shown_at},
    plan::{By, Line, NodeId, Record, Replay, Taken},
    source::{Place, Rewrite, bound_by_stmt},
};

/// A loop that gets this name.
type Named = Option<(NodeId, Lifetime)>;

/// What a line takes from the lines before it, chunk by chunk.
#[derive(Default)]
struct Takes {
    /// Before the loop over the chunks.
    begin: TokenStream,
    takes: TokenStream,
    /// Hands on what later lines use.
    backs: TokenStream,
}

/// How a line runs a method of what holds the model; nothing where it runs none.
#[derive(Default)]
struct Owners {
    /// Puts the chunk's model into the user's own owner, and takes it out again.
    swap_own: Option<TokenStream>,
    /// Makes a copy of the owner.
    owner: Option<TokenStream>,
    /// Puts the chunk's model into that copy, and takes it out again.
    swap: Option<TokenStream>,
}

impl Step<'_> {
    /// `stmt` over the chunks, if it is a line of the slice.
    pub(super) fn chunked(
        &self,
        lines: &[(usize, &Line)],
        stmt: &Stmt,
    ) -> (Option<TokenStream>, Named) {
        let mut out = TokenStream::new();
        let is_own = |line: &Line| matches!(line.replay, Replay::Stmt(_));
        let Some((k, line)) = lines.iter().find(|(_, line)| is_own(line)) else {
            return (None, None);
        };
        out.extend(self.begin_chunks(*k));
        out.extend(self.hoisted(*k));
        out.extend(self.cut_earlier(*k));
        out.extend(self.cut_line(*k, line));
        out.extend(self.keep_owner(*k, line));
        if self.region.is_deferred(*k) {
            let has_value = matches!(stmt, Stmt::Local(local) if local.init.is_some());
            let is_observed = has_value && !line.observed.is_empty();
            out.extend(is_observed.then(|| stmt.to_token_stream()));
            return (Some(out), None);
        }
        let mut stmt = stmt.clone();
        let mut named = self.relabel(|relabel| relabel.visit_stmt_mut(&mut stmt));
        // The first chunk is the user's own pass.
        Rewrite::new(&self.rules(*k, line, Variables::Own)).visit_stmt_mut(&mut stmt);
        // What the loss does not depend on happens once, with the first chunk.
        let Replay::Stmt(pruned) = &line.replay else {
            return (None, None);
        };
        let mut pruned = (**pruned).clone();
        named = named.or(self.relabel(|relabel| relabel.visit_stmt_mut(&mut pruned)));
        Rewrite::new(&self.rules(*k, line, Variables::Copied)).visit_stmt_mut(&mut pruned);
        for stmt in [&mut stmt, &mut pruned] {
            if let Stmt::Expr(_, semi @ None) = stmt {
                *semi = Some(Default::default());
            }
        }
        out.extend(self.over_chunks(*k, line, &stmt, &pruned));
        (Some(out), named)
    }

    fn relabel(&self, visit: impl FnOnce(&mut Relabel<'_>)) -> Named {
        let found = self.region.in_loop.as_ref()?;
        let label = match &found.label {
            Some(label) => label.clone(),
            None => Lifetime::new("'__sam_batches", Span::mixed_site()),
        };
        let mut relabel = Relabel {
            label: &label,
            depth: 0,
            found: false,
        };
        visit(&mut relabel);
        relabel.found.then_some((found.id, label))
    }

    // Input:  let logits = model.forward_mut(x.traced(grads));
    // Output: let x = cut(x); for chunk in .. { let logits = ..; parts.push(logits); } let logits = join(..);
    fn over_chunks(&self, k: usize, line: &Line, stmt: &Stmt, pruned: &Stmt) -> TokenStream {
        let Names {
            rt,
            step,
            chunks,
            chunk,
            lanes,
            ..
        } = &self.names;
        let bound = bound_by_stmt(stmt);
        let kept: Vec<&Ident> = bound.iter().collect();
        let parts: Vec<Ident> = kept.iter().map(|name| self.names.parts(name)).collect();
        // The line may still take the variables that it hides, as `let h = h.relu();` does.
        let anew: Vec<Ident> = kept
            .iter()
            .map(|name| self.names.parts_anew(name))
            .collect();
        let observed: Vec<&Ident> = line.observed.iter().collect();
        let observed_in: Vec<Ident> = observed
            .iter()
            .map(|name| self.names.observed(name))
            .collect();
        let reaches_model = self.region.reaches_model(k);
        let (model, advanced) = reaches_model.then(|| self.chunk_model(k, line)).unzip();
        let no_models = self.no_models(k, line);
        let Takes {
            begin,
            takes,
            backs,
        } = self.takes(k, line, Variables::Own);
        let takes_again = self.takes(k, line, Variables::Copied).takes;
        let (own, others) = (
            self.bind_chunk(k, line, Variables::Own),
            self.bind_chunk(k, line, Variables::Copied),
        );
        let inputs = self.chunk_inputs(k);
        let write_back = (reaches_model && self.region.model.is_mutable).then(|| {
            let model = self.model();
            quote!(#rt::Driver::write_back(&#step, &mut #model);)
        });
        let raise = self.give_up();
        let error = &self.names.error;
        let joins = observed.iter().zip(&observed_in).map(|(name, values)| {
            let at = shown_at(name.span());
            let join = match self.args.m {
                Some(_) => quote!(#rt::join),
                None => quote!(#rt::join_one),
            };
            let (join, list) = (respan(join, at), respan(self.collected(values), at));
            quote! {
                let #name = match #join(#list, &#chunks) {
                    ::core::result::Result::Ok(#values) => #values,
                    ::core::result::Result::Err(#error) => #raise,
                };
            }
        });
        let references: Vec<TokenStream> = observed
            .iter()
            .map(|name| quote_spanned!(shown_at(name.span())=> &#name))
            .collect();
        // Its type may be inferred from `backward` alone, which comes after the statements that read it.
        let is_loss = bound
            .iter()
            .find(|name| self.loss_variable().is_some_and(|loss| loss == **name))
            .map(|loss| quote!(#rt::is_loss(&#loss, &#step);));
        let adds = observed_in
            .iter()
            .zip(&references)
            .map(|(values, value)| self.add_observed(values, &quote!(#rt::observe(#value))));
        let puts = anew
            .iter()
            .zip(&kept)
            .map(|(parts, name)| self.put(parts, name));
        let keep = quote! {
            #is_loss
            #(#adds)*
            #(#puts)*
            #backs
        };
        let Owners {
            swap_own,
            owner,
            swap,
        } = self.owners(k, line);
        let own_pass = quote!(#takes #own #swap_own #stmt #swap_own #keep);
        let passes = if self.is_same_again(k, line, stmt) {
            own_pass
        } else {
            quote! {
                if #chunk == 0 {
                    #own_pass
                } else {
                    #[allow(warnings, clippy::all)]
                    let () = {
                        #takes_again
                        #others
                        #inputs
                        #owner
                        #swap
                        #pruned
                        #swap
                        #keep
                    };
                }
            }
        };
        let body = quote!(#model #passes #advanced);
        if self.args.is_at_once() {
            let line = self.line_at_once(k, false, computed(stmt), &body);
            let none = anew.iter().map(|parts| self.no_parts(parts));
            return quote! {
                #begin
                #(#none)*
                #(let #observed_in = #rt::Seen::new(&#lanes);)*
                #line
                #(let #parts = #anew;)*
                #write_back
                #(#joins)*
            };
        }
        let body = quote!(#rt::Driver::mark(&#step, #k, #chunk); #body);
        let repeated = self.repeated(&body, stmt);
        quote! {
            #begin
            #no_models
            #(let mut #anew = ::std::vec::Vec::new();)*
            #(let mut #observed_in = #rt::Observed::new();)*
            #repeated
            #rt::Driver::go_on(&#step);
            #(let mut #parts = #anew;)*
            #write_back
            #(#joins)*
        }
    }

    /// Whether line `k` does for each chunk what it does for the first: nothing in it is the user's own, or could
    /// be left out.
    fn is_same_again(&self, k: usize, line: &Line, stmt: &Stmt) -> bool {
        let is_made = |taken: &Taken| self.region.made_for(k, &taken.name).is_some();
        let is_own = |record: &Record| {
            is_own(record, Variables::Own) || (record.by == By::Reference && !record.split)
        };
        !line.model.owner
            && !line.records.iter().any(is_own)
            && !line.takes.iter().any(is_made)
            && !has_statements(stmt)
    }

    /// The model of a chunk, and what is kept of it when line `k` has run it.
    fn chunk_model(&self, k: usize, line: &Line) -> (TokenStream, TokenStream) {
        let Names {
            rt,
            step,
            chunk,
            copy,
            ..
        } = &self.names;
        let model = self.model();
        let (bind, current) = (self.bind_model(), self.current());
        let found = self.names.model_at(k);
        let keep = line
            .model_anew
            .then(|| quote!(#found.push(#rt::Driver::copied(&#step, &#copy));));
        (
            quote!(let mut #copy = #rt::Driver::chunk_model(&#step, &#model, #chunk); #keep #bind),
            quote!(#rt::Driver::advanced(&#step, &#current, #chunk);),
        )
    }

    /// The models that the chunks find at line `k`, if statements of the user's may have changed the model since the line
    /// before.
    fn no_models(&self, k: usize, line: &Line) -> Option<TokenStream> {
        let found = self.names.model_at(k);
        line.model_anew
            .then(|| quote!(let mut #found = ::std::vec::Vec::new();))
    }

    /// `loss` of `loss.backward()`.
    fn loss_variable(&self) -> Option<Ident> {
        match &self.region.lines.last()?.replay {
            Replay::Loss(loss) => Place::of_expr(loss)
                .filter(Place::is_variable)
                .map(|place| place.root),
            _ => None,
        }
    }

    /// The loop over the chunks. What a macro of the user's may hold, a `continue`, goes on to mean the
    /// user's loop.
    fn repeated(&self, body: &TokenStream, stmt: &Stmt) -> TokenStream {
        let Names {
            rt, chunk, chunks, ..
        } = &self.names;
        let may_leave = has_unknown_macro(stmt);
        if !may_leave || self.region.in_loop.is_none() {
            return quote!(for #chunk in 0..#rt::Chunks::len(&#chunks) { #body });
        }
        quote! {
            let mut __sam_next = 0_usize;
            let mut __sam_done = 0_usize;
            let mut __sam_way = #rt::Left::Break;
            loop {
                if __sam_done < __sam_next {
                    __sam_way = #rt::Left::Continue;
                    break;
                }
                if __sam_next == #rt::Chunks::len(&#chunks) {
                    __sam_way = #rt::Left::Not;
                    break;
                }
                let #chunk = __sam_next;
                __sam_next += 1;
                #body
                __sam_done += 1;
            }
            match __sam_way {
                #rt::Left::Not => {}
                #rt::Left::Continue => continue,
                #rt::Left::Break => break,
            }
        }
    }

    /// Leaves with an error, the buffers as they were.
    fn give_up(&self) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let raise = raise(self);
        if !(self.region.model.is_mutable && self.region.backward.model_is_free) {
            return raise;
        }
        let model = self.model();
        quote!({ #rt::Driver::give_up(&#step, &mut #model); #raise })
    }
}

/// Where a line computes something.
fn computed(stmt: &Stmt) -> Span {
    match stmt {
        Stmt::Local(local) => local
            .init
            .as_ref()
            .map_or(local.span(), |init| init.expr.span()),
        stmt => stmt.span(),
    }
}

/// Whether a line holds statements, or what may.
fn has_statements(stmt: &Stmt) -> bool {
    struct Find(bool);
    impl<'ast> Visit<'ast> for Find {
        fn visit_block(&mut self, _: &'ast Block) {
            self.0 = true;
        }
        fn visit_macro(&mut self, _: &'ast Macro) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_stmt(stmt);
    find.0
}
