//! The slice once more: on the perturbed copy of the model, and on what was recorded.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Stmt, visit_mut::VisitMut};

use super::{Batch, Variables, clean::Step};
use crate::{
    hygiene::Names,
    plan::{By, Line, Record, Replay},
    source::{Rewrite, Rule},
};

impl Step<'_> {
    // Output: if let Some(copy) = climb(gradients) { lines; let g = loss.backward(); absorb(g) }
    /// The replay of a chunk, whose lines are these.
    pub(super) fn replay(&self, backward: &Ident, lines: &TokenStream) -> TokenStream {
        let Names {
            rt,
            step,
            copy,
            gradients,
            ..
        } = &self.names;
        let chunk = self.chunk();
        let note = self.note(true);
        let current = self.current();
        let absorb = quote!(#rt::Driver::absorb(&#step, &#current, #gradients, #chunk));
        let model = self.bind_model();
        if self.may_be_repeated() {
            let next = &self.names.next;
            let absorb = self.run_backward(backward, &quote!(#next = #absorb;));
            // One statement.
            return quote! {
                {
                    let mut #next = #rt::Driver::climb(&#step, #gradients, #chunk);
                    while let ::core::option::Option::Some(mut #copy) = #next.take() {
                        #[allow(warnings, clippy::all)]
                        let () = {
                            #model
                            #lines
                            #note
                            #absorb
                        };
                    }
                }
            };
        }
        let absorb = self.run_backward(backward, &quote!(#absorb;));
        // The user's statements are linted where they stand.
        quote! {
            if let ::core::option::Option::Some(mut #copy) = #rt::Driver::climb(&#step, #gradients, #chunk) {
                #[allow(warnings, clippy::all)]
                let () = {
                    #model
                    #lines
                    #note
                    #absorb
                };
            }
        }
    }

    /// Whether the method may ask for more than one replay.
    fn may_be_repeated(&self) -> bool {
        self.args.in_one_chunk && self.batch == Batch::Chunks
    }

    /// The lines of a batch that is not cut.
    pub(super) fn replayed_lines(&self) -> TokenStream {
        let lines = self.region.lines.iter().enumerate();
        lines.map(|(k, line)| self.replayed(k, line)).collect()
    }

    /// `loss.backward()`, and what is then done with the gradients.
    pub(super) fn run_backward(&self, backward: &Ident, then: &TokenStream) -> TokenStream {
        let Names {
            rt,
            step,
            loss,
            gradients,
            error,
            ..
        } = &self.names;
        if !self.region.backward.fallible {
            // Gradients of another type are one error here, and not one for each use.
            return quote!(let #gradients = #rt::Driver::taken(&#step, #loss.#backward()); #then);
        }
        quote! {
            match #loss.#backward() {
                ::core::result::Result::Ok(#gradients) => {
                    let #gradients = #rt::Driver::taken(&#step, #gradients);
                    #then
                }
                ::core::result::Result::Err(#error) => #rt::Driver::fail_backward(&#step, #error),
            }
        }
    }

    /// What the lines call the model.
    pub(super) fn bind_model(&self) -> TokenStream {
        let Names { copy, model, .. } = &self.names;
        let place = &self.region.model;
        let name = if place.place.is_variable() {
            &place.place.root
        } else {
            model
        };
        if place.is_reference {
            quote!(let #name = &mut #copy;)
        } else {
            quote!(let mut #name = #copy;)
        }
    }

    /// The variable that holds the perturbed model while the lines run.
    pub(super) fn current(&self) -> &Ident {
        let place = &self.region.model;
        match (place.is_reference, place.place.is_variable()) {
            (true, _) => &self.names.copy,
            (false, true) => &place.place.root,
            (false, false) => &self.names.model,
        }
    }

    /// Line `k`, on what it recorded.
    fn replayed(&self, k: usize, line: &Line) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let mut out = quote!(#rt::Driver::rewind(&#step, #k, 0););
        for (i, record) in line.records.iter().enumerate() {
            out.extend(self.bind(k, i, record));
        }
        out.extend(self.replayed_line(k, line));
        out
    }

    /// Line `k`, once what it recorded is bound.
    pub(super) fn replayed_line(&self, k: usize, line: &Line) -> TokenStream {
        let Names {
            rt,
            step,
            copy,
            loss,
            ..
        } = &self.names;
        let mut out = TokenStream::new();
        if line.model_anew {
            let found = self.names.model_at(k);
            let model = self.bind_model();
            let (current, chunk) = (self.current(), &self.names.chunk);
            let of_chunk = (self.batch == Batch::Chunks).then(|| quote!([#chunk]));
            out.extend(quote! {
                let mut #copy = #rt::Driver::carried(&#step, &#current, &#found #of_chunk);
                #model
            });
        }
        if line.model.owner && self.batch == Batch::Chunks {
            out.extend(self.owner_of_chunk(k));
        }
        let swap = line.model.owner.then(|| self.swap_owner(k));
        out.extend(swap.clone());
        let rules = self.rules(k, line, Variables::Copied);
        let mut rewrite = Rewrite::new(&rules);
        match &line.replay {
            Replay::Stmt(stmt) => {
                let mut stmt = (**stmt).clone();
                rewrite.visit_stmt_mut(&mut stmt);
                if let Stmt::Expr(_, semi @ None) = &mut stmt {
                    *semi = Some(Default::default());
                }
                stmt.to_tokens(&mut out);
            }
            Replay::Arm(pat, expr) => {
                let mut expr = (**expr).clone();
                rewrite.visit_expr_mut(&mut expr);
                out.extend(quote!(let #pat = #expr else { #rt::missing() };));
            }
            Replay::Loss(expr) => {
                let mut expr: Expr = (**expr).clone();
                rewrite.visit_expr_mut(&mut expr);
                out.extend(quote!(let #loss = #expr;));
            }
        }
        out.extend(swap);
        out
    }

    /// Puts the model that the lines run into the copy of its owner, or takes it out again.
    pub(super) fn swap_owner(&self, k: usize) -> TokenStream {
        self.swap_model(&self.names.owner(k))
    }

    /// See [`Self::swap_owner`]: `owner` is a variable like the one that holds the model.
    pub(super) fn swap_model(&self, owner: &Ident) -> TokenStream {
        let model = &self.region.model;
        let (members, local) = (&model.place.members, &self.names.model);
        if model.is_reference {
            quote!(::core::mem::swap(&mut *#owner #(. #members)*, #local);)
        } else {
            quote!(::core::mem::swap(&mut #owner #(. #members)*, &mut #local);)
        }
    }

    /// Binds a recorded value, or a reference to what nothing has changed.
    pub(super) fn bind(&self, k: usize, i: usize, record: &Record) -> TokenStream {
        let Names { rt, .. } = &self.names;
        let place = &record.place;
        let name = self.bound_name(k, i, record);
        let conditions = &self.region.lines[k].conditions;
        let value = self.names.record(k, i);
        match record.by {
            By::Reference => {
                return quote!(#(#conditions)* let #name = #rt::View::at(&#value, &#place););
            }
            By::InPlace => {
                return quote!(#(#conditions)* let #name = #rt::View::at(&#value, #place););
            }
            By::Fresh => return quote!(#(#conditions)* let mut #name;),
            By::Clone | By::Assigned | By::Changed => {}
        }
        let mutable = (record.by != By::Clone).then(|| quote!(mut));
        quote!(#(#conditions)* let #mutable #name = #rt::Recorded::bind(&mut #value);)
    }

    /// A variable keeps its name. A reference to one has a variable of its own under the same name, for what
    /// rustc may say of it.
    pub(super) fn bound_name(&self, k: usize, i: usize, record: &Record) -> Ident {
        let root = &record.place.root;
        if !record.place.is_variable() || record.is_renamed {
            return self.names.field(k, i);
        }
        if record.by != By::Reference {
            return root.clone();
        }
        let name = root.to_string();
        if name.starts_with("r#") {
            return self.names.field(k, i);
        }
        Ident::new(&name, Span::mixed_site())
    }

    /// What stands for the model and for what was recorded in line `k`.
    pub(super) fn rules(&self, k: usize, line: &Line, variables: Variables) -> Vec<Rule> {
        let model = &self.region.model.place;
        let mut rules = Vec::new();
        if line.model.owner {
            let owner = self.names.owner(k);
            let copy = Rule {
                place: crate::source::Place::of_variable(&model.root),
                replacement: quote!((&mut #owner)),
                is_reference: false,
            };
            rules.extend((variables == Variables::Copied).then_some(copy));
        } else if !model.is_variable() {
            rules.push(Rule {
                place: model.clone(),
                replacement: self.names.model.to_token_stream(),
                is_reference: false,
            });
        }
        for (i, record) in line.records.iter().enumerate() {
            let is_reference = record.by == By::Reference;
            let is_named = record.place.is_variable() && !is_reference && !record.is_renamed;
            if !is_named && !is_own(record, variables) {
                rules.push(Rule {
                    place: record.place.clone(),
                    replacement: self.bound_name(k, i, record).to_token_stream(),
                    is_reference,
                });
            }
        }
        rules
    }
}

/// Whether the place itself is used: what is changed, also behind a shared reference, is the user's own.
pub(super) fn is_own(record: &Record, variables: Variables) -> bool {
    let stays = match record.by {
        By::InPlace | By::Assigned | By::Changed | By::Fresh => true,
        // Each chunk uses it up.
        By::Clone => !record.consumed,
        By::Reference => false,
    };
    variables == Variables::Own && stays && !record.split
}
